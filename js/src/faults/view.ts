/** The faults view: a row for each process, with what can be done to it. Knows nothing of anywidget or of kernels. */
import { type ActionBar, type Wish, actionBar } from "../core/actions";
import { announcer } from "../core/announcer";
import { h, setText } from "../core/dom";
import { duration } from "../core/text";
import { exactMoment, isoMoment } from "../core/time";
import { GLYPHS, type Row } from "./process-rows";

export interface FaultsFacts {
  readonly title: string;
  /** All of it in one sentence. */
  readonly sentence: string;
  /** The same as it is true now: what a screen reader hears. */
  readonly label: string;
  readonly rows: readonly Row[];
}

export interface FaultsViewOptions {
  /** The kernel's clock, in seconds. */
  readonly kernelNow: () => number;
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  /** Send a wish of the user's, or ask how things are. */
  readonly tell: (wish: Wish | { readonly kind: "look" }) => void;
}

export interface FaultsView {
  readonly element: HTMLElement;
  draw(next: FaultsFacts): void;
  dispose(): void;
}

/** How often the clocks are looked at, in milliseconds, and how often the kernel is asked, in seconds. */
const TICK = 250;
const LOOK = 1;

export function faultsView({ kernelNow, browserNow, tell }: FaultsViewOptions): FaultsView {
  const voice = announcer();
  const title = h("strong", { class: "flw-name" });
  const about = h("span", { class: "flw-facts" });
  const list = h("ul", { class: "flw-processes" });
  const element = h(
    "div",
    { class: "flw-faults flw-live", role: "group", tabindex: "-1" },
    h("div", { class: "flw-head" }, title, about),
    list,
    voice.element,
  );
  const lines = new Map<string, Line>();
  let latest: FaultsFacts | undefined;
  let asked = 0;

  function draw(next: FaultsFacts): void {
    const before = latest;
    latest = next;
    element.setAttribute("aria-label", next.label);
    setText(title, next.title);
    setText(about, next.sentence.replace(`${next.title}: `, ""));
    keep(next.rows);
    drawLines();
    // What happens to a process is news, whoever did it.
    if (before && before.sentence !== next.sentence) voice.say(next.sentence);
  }

  function keep(rows: readonly Row[]): void {
    const names = rows.map(({ name }) => name);
    if (names.join("\n") === [...lines.keys()].join("\n")) return;
    for (const name of lines.keys()) if (!names.includes(name)) lines.delete(name);
    for (const { name } of rows) {
      if (!lines.has(name)) lines.set(name, new Line(name, actionBar({ tell, announce: voice.say, clock: browserNow })));
    }
    list.replaceChildren(...names.map((name) => lines.get(name)?.element ?? ""));
  }

  function drawLines(): void {
    for (const row of latest?.rows ?? []) lines.get(row.name)?.draw(row, kernelNow(), browserNow());
  }

  function tick(): void {
    drawLines();
    const now = browserNow();
    // Only while somebody can see it.
    if (document.hidden || !element.isConnected || now - asked < LOOK) return;
    asked = now;
    tell({ kind: "look" });
  }

  const ticker = setInterval(tick, TICK);

  return {
    element,
    draw,
    dispose() {
      clearInterval(ticker);
      element.remove();
    },
  };
}

class Line {
  readonly element: HTMLElement;
  readonly #glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  readonly #words = h("span", {});
  readonly #since = h("time", {});
  readonly #bar: ActionBar;

  constructor(name: string, bar: ActionBar) {
    this.#bar = bar;
    bar.element.setAttribute("role", "group");
    bar.element.setAttribute("aria-label", name);
    this.element = h(
      "li",
      { class: "flw-process" },
      h("span", { class: "flw-process-name" }, name),
      h("span", { class: "flw-process-state" }, this.#glyph, " ", this.#words),
      h("span", { class: "flw-process-since" }, this.#since),
      bar.element,
    );
  }

  draw(row: Row, kernelNow: number, browserNow: number): void {
    this.element.dataset["state"] = row.state;
    setText(this.#glyph, GLYPHS[row.state]);
    setText(this.#words, row.words);
    if (row.since !== null) {
      setText(this.#since, `for ${duration(Math.max(0, kernelNow - row.since))}`);
      this.#since.dateTime = isoMoment(row.since);
      this.#since.title = exactMoment(row.since);
    }
    this.#bar.draw(row.actions, browserNow);
  }
}
