/** One line: the server or a site. It unfolds to its version, its resources and what can be done to it. */
import { h, setText, show } from "../../core/dom";
import { ago } from "../../core/text";
import { exactMoment, isoMoment, moment } from "../../core/time";
import type { SiteJob } from "../snapshot";
import { GLYPHS, type State, runs } from "../format";

export interface RowFacts {
  readonly key: string;
  readonly name: string;
  readonly state: State;
  /** Nobody confirms it now. */
  readonly doubtful: boolean;
  readonly seen: number | null;
  readonly since: number | null;
  readonly sinceWord: string;
  readonly jobs: readonly SiteJob[];
  /** Why it is not known what runs there; empty when it is. */
  readonly unasked: string;
  readonly version: string;
  readonly resources: string;
  readonly detailsAt: number | null;
  readonly detailsMissing: string;
}

export interface RowOptions {
  readonly askDetails: () => void;
  readonly unfolded: () => void;
  readonly controls: () => HTMLElement | undefined;
}

export interface Row {
  readonly element: HTMLElement;
  draw(facts: RowFacts, now: number): void;
}

let count = 0;

export function row(key: string, { askDetails, unfolded, controls }: RowOptions): Row {
  const fold = h("span", { class: "flw-row-fold", "aria-hidden": "true" }, "▸");
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const name = h("strong", { class: "flw-row-name" });
  const word = h("span", { class: "flw-row-state" });
  const does = h("span", { class: "flw-row-does" });
  const since = h("time", { class: "flw-row-since" });
  const seen = h("span", { class: "flw-row-seen" });
  const toggle = h("button", { class: "flw-row-line", type: "button" }, fold, glyph, name, word, does, since, seen);
  const version = h("span", { class: "flw-detail" });
  const resources = h("span", { class: "flw-detail" });
  const asked = h("span", { class: "flw-row-asked" });
  const again = h("button", { class: "flw-button", type: "button" }, "Ask again");
  const place = h("div", { class: "flw-row-actions" });
  const more = h(
    "div",
    { class: "flw-row-more" },
    h("div", {}, h("span", { class: "flw-label" }, "Version "), version),
    h("div", {}, h("span", { class: "flw-label" }, "Resources "), resources),
    h("div", { class: "flw-row-foot" }, asked, again),
    place,
  );
  more.id = `flw-row-${++count}`;
  toggle.setAttribute("aria-controls", more.id);
  const element = h("li", { class: "flw-row" }, toggle, more);
  let open = false;
  let wanted = false;
  let latest: { facts: RowFacts; now: number } | undefined;

  function redraw(): void {
    if (latest) draw(latest.facts, latest.now);
  }
  toggle.addEventListener("click", () => {
    open = !open;
    if (open) unfolded();
    if (open && latest && !latest.facts.version && !latest.facts.resources) {
      wanted = true;
      askDetails();
    }
    redraw();
  });
  again.addEventListener("click", () => {
    wanted = true;
    askDetails();
    redraw();
  });

  let askedBefore: number | null = null;
  function draw(facts: RowFacts, now: number): void {
    latest = { facts, now };
    element.dataset["key"] = key;
    element.dataset["tone"] = facts.state.tone;
    element.classList.toggle("flw-row-doubtful", facts.doubtful);
    toggle.setAttribute("aria-expanded", String(open));
    setText(glyph, GLYPHS[facts.state.tone]);
    setText(name, facts.name);
    setText(word, facts.state.words);
    const work = runs(facts.jobs);
    setText(does, work || (facts.unasked ? "what it runs is not known" : ""));
    does.title = facts.unasked || facts.jobs.map((job) => job.jobId).join(", ");
    show(does, does.textContent !== "");
    show(since, facts.since !== null);
    if (facts.since !== null) {
      setText(since, `${facts.sinceWord} ${moment(facts.since, now)}`);
      since.dateTime = isoMoment(facts.since);
      since.title = exactMoment(facts.since);
    }
    show(seen, facts.seen !== null && facts.state.tone !== "bad");
    if (facts.seen !== null) {
      setText(seen, `heard of ${ago(Math.max(0, now - facts.seen))}`);
      seen.title = `the server last heard of it ${exactMoment(facts.seen)}; sites report every 10 s`;
    }
    show(more, open);
    if (open) drawMore(facts, now);
  }

  function drawMore(facts: RowFacts, now: number): void {
    const at = facts.detailsAt ?? 0;
    if (askedBefore !== null && (at !== askedBefore || facts.detailsMissing)) wanted = false;
    if (!wanted) askedBefore = at;
    const unknown = wanted ? "asking…" : facts.detailsMissing ? `not known (${facts.detailsMissing})` : "not known";
    setText(version, facts.version || unknown);
    setText(resources, facts.resources || unknown);
    setText(asked, facts.detailsAt === null ? "" : `as of ${ago(Math.max(0, now - facts.detailsAt))}`);
    show(again, !wanted);
    const buttons = controls();
    if (buttons && buttons.parentElement !== place) place.replaceChildren(buttons);
    show(place, place.childElementCount > 0);
  }

  return { element, draw };
}
