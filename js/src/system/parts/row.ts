/** The row of the server or a site, which expands to its version, resources and actions. */
import { h, setText, setVisible } from "../../core/dom";
import { SEVERITY_GLYPHS, type Severity, textAt } from "../../core/live-text";
import { formatExactTime, formatTime, toIsoTime } from "../../core/time";
import type { Row, SystemViewModel } from "../view-model";

export interface RowState {
  readonly row: Row;
  readonly severity: Severity;
  readonly text: string;
  readonly lastSeen: string;
}

export interface RowOptions {
  readonly requestDetails: () => void;
  readonly onOpen: () => void;
  readonly controls: () => HTMLElement | undefined;
}

export interface RowPart {
  readonly element: HTMLElement;
  draw(state: RowState, system: SystemViewModel, now: number): void;
}

let rowCount = 0;

export function createRow({ requestDetails, onOpen, controls }: RowOptions): RowPart {
  const arrow = h("span", { class: "flw-row-fold", "aria-hidden": "true" }, "▸");
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const name = h("strong", { class: "flw-row-name" });
  const stateText = h("span", { class: "flw-row-state" });
  const jobsText = h("span", { class: "flw-row-jobs" });
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
    h("div", { class: "flw-row-fact" }, h("span", { class: "flw-label" }, "Version "), version),
    h("div", { class: "flw-row-fact" }, h("span", { class: "flw-label" }, "Resources "), resources),
    h("div", { class: "flw-row-foot" }, detailsAge, refreshButton),
    place,
  );
  more.id = `flw-row-${++rowCount}`;
  toggle.setAttribute("aria-controls", more.id);
  const element = h("li", { class: "flw-row" }, toggle, more);
  let open = false;
  /** The answer that was known when details were requested; they are loading until there is another. */
  let answerBefore: string | undefined;
  let latest: Parameters<typeof draw> | undefined;

  function redraw(): void {
    if (latest) draw(...latest);
  }
  toggle.addEventListener("click", () => {
    open = !open;
    if (open) onOpen();
    if (open && latest && !latest[0].row.version && !latest[0].row.resources) request();
    redraw();
  });
  refreshButton.addEventListener("click", () => {
    request();
    redraw();
  });

  function request(): void {
    if (latest) answerBefore = answerKey(latest[1]);
    requestDetails();
  }

  function draw(state: RowState, system: SystemViewModel, now: number): void {
    const { row, severity } = state;
    latest = [state, system, now];
    element.dataset["severity"] = severity;
    toggle.setAttribute("aria-expanded", String(open));
    setText(glyph, SEVERITY_GLYPHS[severity]);
    setText(name, row.name);
    setText(stateText, state.text);
    setText(jobsText, row.jobs);
    jobsText.title = row.jobsTitle;
    setVisible(jobsText, row.jobs !== "");
    setVisible(since, row.since !== null);
    if (row.since !== null) {
      setText(since, `${row.sinceLabel} ${formatTime(row.since, now)}`);
      since.dateTime = toIsoTime(row.since);
      since.title = formatExactTime(row.since);
    }
    setText(seen, state.lastSeen);
    setVisible(seen, state.lastSeen !== "");
    if (row.lastSeenAt !== null)
      seen.title = `last heartbeat received by the server ${formatExactTime(row.lastSeenAt)}; sites report every 10 s`;
    setVisible(more, open);
    if (open) drawMore(row, system, now);
  }

  function drawMore({ version: ofRow, resources: had }: Row, system: SystemViewModel, now: number): void {
    const isLoading = answerBefore === answerKey(system);
    if (!isLoading) answerBefore = undefined;
    const unknown = isLoading ? "loading…" : system.unknownDetail;
    setText(version, ofRow || unknown);
    setText(resources, had || unknown);
    setText(detailsAge, textAt(system.detailsAge, now));
    setVisible(refreshButton, !isLoading);
    const buttons = controls();
    if (buttons && buttons.parentElement !== place) place.replaceChildren(buttons);
    setVisible(place, place.childElementCount > 0);
  }

  return { element, draw };
}

function answerKey({ detailsAt, unknownDetail }: SystemViewModel): string {
  return `${detailsAt} ${unknownDetail}`;
}
