/** The faults view: a row per process, with its actions. Independent of anywidget and of kernels. */
import { type ActionBar, type ActionMessage, createActionBar } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { h, setText } from "../core/dom";
import { formatDuration, formatExactTime, toIsoTime } from "../core/time";
import { GLYPHS, type ProcessRow } from "./process-rows";

export interface FaultsViewState {
  readonly title: string;
  /** The state of all processes in one sentence. */
  readonly announcement: string;
  /** The same as a label for screen readers, marked as outdated if it is. */
  readonly label: string;
  readonly rows: readonly ProcessRow[];
}

export interface FaultsViewOptions {
  /** The kernel's clock, in seconds. */
  readonly kernelNow: () => number;
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  /** Send an action, or a request for the present state. */
  readonly send: (message: ActionMessage | { readonly kind: "refresh" }) => void;
}

export interface FaultsView {
  readonly element: HTMLElement;
  draw(next: FaultsViewState): void;
  dispose(): void;
}

/** Intervals at which times are redrawn, and at which the kernel is asked for the present state. */
const TICK_MS = 250;
const REFRESH_INTERVAL_S = 1;

export function createFaultsView({ kernelNow, browserNow, send }: FaultsViewOptions): FaultsView {
  const announcer = createAnnouncer();
  const title = h("strong", { class: "flw-name" });
  const announcement = h("span", { class: "flw-facts" });
  const list = h("ul", { class: "flw-processes" });
  const element = h(
    "div",
    { class: "flw-faults flw-live", role: "group", tabindex: "-1" },
    h("div", { class: "flw-head" }, title, announcement),
    list,
    announcer.element,
  );
  const lines = new Map<string, ProcessLine>();
  let latest: FaultsViewState | undefined;
  let refreshedAt = 0;

  function draw(next: FaultsViewState): void {
    const before = latest;
    latest = next;
    element.setAttribute("aria-label", next.label);
    setText(title, next.title);
    setText(announcement, next.announcement.replace(`${next.title}: `, ""));
    syncRows(next.rows);
    drawLines();
    // Announce every change of a process, whoever caused it.
    if (before && before.announcement !== next.announcement) announcer.announce(next.announcement);
  }

  function syncRows(rows: readonly ProcessRow[]): void {
    const names = rows.map(({ name }) => name);
    if (names.join("\n") === [...lines.keys()].join("\n")) return;
    for (const name of lines.keys()) if (!names.includes(name)) lines.delete(name);
    for (const { name } of rows) {
      if (!lines.has(name))
        lines.set(
          name,
          new ProcessLine(name, createActionBar({ send, announce: announcer.announce, now: browserNow })),
        );
    }
    list.replaceChildren(...names.map((name) => lines.get(name)?.element ?? ""));
  }

  function drawLines(): void {
    for (const row of latest?.rows ?? []) lines.get(row.name)?.draw(row, kernelNow(), browserNow());
  }

  function tick(): void {
    drawLines();
    const now = browserNow();
    // Only while the view is visible.
    if (document.hidden || !element.isConnected || now - refreshedAt < REFRESH_INTERVAL_S) return;
    refreshedAt = now;
    send({ kind: "refresh" });
  }

  const ticker = setInterval(tick, TICK_MS);

  return {
    element,
    draw,
    dispose() {
      clearInterval(ticker);
      element.remove();
    },
  };
}

class ProcessLine {
  readonly element: HTMLElement;
  readonly #glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  readonly #text = h("span", {});
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
      h("span", { class: "flw-process-state" }, this.#glyph, " ", this.#text),
      h("span", { class: "flw-process-since" }, this.#since),
      bar.element,
    );
  }

  draw(row: ProcessRow, kernelNow: number, browserNow: number): void {
    this.element.dataset["state"] = row.state;
    setText(this.#glyph, GLYPHS[row.state]);
    setText(this.#text, row.text);
    if (row.since !== null) {
      setText(this.#since, formatDuration(Math.max(0, kernelNow - row.since)));
      this.#since.dateTime = toIsoTime(row.since);
      this.#since.title = formatExactTime(row.since);
    }
    this.#bar.draw(row.actions, browserNow);
  }
}
