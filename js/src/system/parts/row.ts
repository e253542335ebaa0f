/** The row of the server or a site, which expands to its version, resources and actions. */
import { h, setText, setVisible } from "../../core/dom";
import { formatAge } from "../../core/text";
import { formatExactTime, formatTime, toIsoTime } from "../../core/time";
import { GLYPHS, runningText, type StateText } from "../format";
import type { SiteJob } from "../snapshot";

export interface RowState {
  readonly key: string;
  readonly name: string;
  readonly state: StateText;
  /** The state is not confirmed now. */
  readonly isStale: boolean;
  readonly lastSeen: number | null;
  readonly since: number | null;
  readonly sinceLabel: string;
  readonly jobs: readonly SiteJob[];
  /** Reason why the running jobs are unknown; empty if they are known. */
  readonly jobsUnknownReason: string;
  readonly version: string;
  readonly resources: string;
  readonly detailsAt: number | null;
  readonly detailsMissing: string;
}

export interface RowOptions {
  readonly requestDetails: () => void;
  readonly onOpen: () => void;
  readonly controls: () => HTMLElement | undefined;
}

export interface Row {
  readonly element: HTMLElement;
  draw(facts: RowState, now: number): void;
}

let rowCount = 0;

export function createRow(key: string, { requestDetails, onOpen, controls }: RowOptions): Row {
  const arrow = h("span", { class: "flw-row-fold", "aria-hidden": "true" }, "▸");
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const name = h("strong", { class: "flw-row-name" });
  const stateText = h("span", { class: "flw-row-state" });
  const jobsText = h("span", { class: "flw-row-does" });
  const since = h("time", { class: "flw-row-since" });
  const seen = h("span", { class: "flw-row-seen" });
  const toggle = h(
    "button",
    { class: "flw-row-line", type: "button" },
    arrow,
    glyph,
    name,
    stateText,
    jobsText,
    since,
    seen,
  );
  const version = h("span", { class: "flw-detail" });
  const resources = h("span", { class: "flw-detail" });
  const detailsAge = h("span", { class: "flw-row-asked" });
  const refreshButton = h("button", { class: "flw-button", type: "button" }, "Refresh");
  const place = h("div", { class: "flw-row-actions" });
  const more = h(
    "div",
    { class: "flw-row-more" },
    h("div", {}, h("span", { class: "flw-label" }, "Version "), version),
    h("div", {}, h("span", { class: "flw-label" }, "Resources "), resources),
    h("div", { class: "flw-row-foot" }, detailsAge, refreshButton),
    place,
  );
  more.id = `flw-row-${++rowCount}`;
  toggle.setAttribute("aria-controls", more.id);
  const element = h("li", { class: "flw-row" }, toggle, more);
  let open = false;
  let isRequested = false;
  let latest: { facts: RowState; now: number } | undefined;

  function redraw(): void {
    if (latest) draw(latest.facts, latest.now);
  }
  toggle.addEventListener("click", () => {
    open = !open;
    if (open) onOpen();
    if (open && latest && !latest.facts.version && !latest.facts.resources) {
      isRequested = true;
      requestDetails();
    }
    redraw();
  });
  refreshButton.addEventListener("click", () => {
    isRequested = true;
    requestDetails();
    redraw();
  });

  let askedBefore: number | null = null;
  function draw(state: RowState, now: number): void {
    latest = { facts: state, now };
    element.dataset["key"] = key;
    element.dataset["tone"] = state.state.severity;
    element.classList.toggle("flw-row-doubtful", state.isStale);
    toggle.setAttribute("aria-expanded", String(open));
    setText(glyph, GLYPHS[state.state.severity]);
    setText(name, state.name);
    setText(stateText, state.state.text);
    const runningJobs = runningText(state.jobs);
    setText(jobsText, runningJobs || (state.jobsUnknownReason ? "running jobs unknown" : ""));
    jobsText.title = state.jobsUnknownReason || state.jobs.map((job) => job.jobId).join(", ");
    setVisible(jobsText, jobsText.textContent !== "");
    setVisible(since, state.since !== null);
    if (state.since !== null) {
      setText(since, `${state.sinceLabel} ${formatTime(state.since, now)}`);
      since.dateTime = toIsoTime(state.since);
      since.title = formatExactTime(state.since);
    }
    setVisible(seen, state.lastSeen !== null && state.state.severity !== "bad");
    if (state.lastSeen !== null) {
      setText(seen, `last seen ${formatAge(Math.max(0, now - state.lastSeen))}`);
      seen.title = `last heartbeat received by the server ${formatExactTime(state.lastSeen)}; sites report every 10 s`;
    }
    setVisible(more, open);
    if (open) drawMore(state, now);
  }

  function drawMore(facts: RowState, now: number): void {
    const at = facts.detailsAt ?? 0;
    if (askedBefore !== null && (at !== askedBefore || facts.detailsMissing)) isRequested = false;
    if (!isRequested) askedBefore = at;
    const unknown = isRequested
      ? "loading…"
      : facts.detailsMissing
        ? `not known (${facts.detailsMissing})`
        : "not known";
    setText(version, facts.version || unknown);
    setText(resources, facts.resources || unknown);
    setText(detailsAge, facts.detailsAt === null ? "" : `as of ${formatAge(Math.max(0, now - facts.detailsAt))}`);
    setVisible(refreshButton, !isRequested);
    const buttons = controls();
    if (buttons && buttons.parentElement !== place) place.replaceChildren(buttons);
    setVisible(place, place.childElementCount > 0);
  }

  return { element, draw };
}
