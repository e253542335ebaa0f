/** A row of the table. */

import { copyText } from "../core/copy";
import { h, setText } from "../core/dom";
import { STATUS_GLYPHS } from "../core/status";
import { SHORT_ID_LENGTH } from "../core/text";
import { formatDuration, formatExactTime, toIsoTime } from "../core/time";
import type { RowPosition, RowRenderer } from "../core/virtual-list";
import { elapsed, type ListedJob } from "./listed-job";

/** Words for a status where there is no room for FLARE's. */
const SHORT_STATUS: Readonly<Partial<Record<ListedJob["category"], string>>> = { failed: "failed" };

/** Time in which a job is just queued; the same as QUEUED_AFTER_S in flare_widgets/monitoring/job/state.py. */
const QUEUED_S = 10;

/** Height of a row; the same as in live.css. */
export const ROW_HEIGHT_PX = 30;

export interface RowContext {
  /** The kernel's clock, in seconds. */
  readonly now: () => number;
  readonly isSelected: (id: string) => boolean;
  readonly announce: (message: string) => void;
  /** Called when a row is clicked. */
  readonly select: (index: number, how: { toggle: boolean; extend: boolean }) => void;
  readonly open: (index: number) => void;
}

export function createJobRow(context: RowContext): RowRenderer<ListedJob> {
  // The list is one stop for the Tab key: its keys offer everything that a row contains.
  const box = h("input", { class: "flw-box", tabindex: "-1" });
  box.type = "checkbox";
  const name = h("button", { class: "flw-job-name", type: "button", tabindex: "-1" });
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const statusText = h("span", { class: "flw-status-word" });
  // By the style sheet, where the column is narrow; screen readers find the whole in its place.
  const shortStatus = h("span", { class: "flw-status-short", "aria-hidden": "true" });
  const status = createCell("flw-col-status", glyph, statusText, shortStatus);
  const time = createCell("flw-col-time");
  const submittedAt = h("time");
  const args = createCell("flw-col-arguments");
  const submitter = createCell("flw-col-submitter");
  const study = createCell("flw-col-study");
  const id = h("button", { class: "flw-job-id", type: "button", tabindex: "-1" });
  const element = h(
    "div",
    { class: "flw-row" },
    createCell("flw-col-box", box),
    createCell("flw-col-name", name),
    status,
    time,
    createCell("flw-col-submitted", submittedAt),
    args,
    submitter,
    study,
    createCell("flw-col-id", id),
  );
  let job: ListedJob | undefined;
  let index = -1;

  box.addEventListener("click", (event) => {
    event.stopPropagation();
    context.select(index, { toggle: !event.shiftKey, extend: event.shiftKey });
  });
  name.addEventListener("click", (event) => {
    if (event.shiftKey || event.ctrlKey || event.metaKey) return; // a click on the row
    event.stopPropagation();
    context.open(index);
  });
  id.addEventListener("click", async (event) => {
    event.stopPropagation();
    const copied = await copyText(job?.id ?? "");
    context.announce(copied ? "id copied" : "the browser does not let this page copy");
    id.classList.toggle("flw-copied", copied);
    setTimeout(() => id.classList.remove("flw-copied"), 1500);
  });
  element.addEventListener("click", (event) => {
    context.select(index, { toggle: event.ctrlKey || event.metaKey, extend: event.shiftKey });
  });
  element.addEventListener("dblclick", () => context.open(index));

  function draw(next: ListedJob, place: RowPosition): void {
    const now = context.now();
    const selected = context.isSelected(next.id);
    job = next;
    index = place.index;
    element.setAttribute("aria-selected", String(selected));
    element.classList.toggle("flw-odd", index % 2 === 1);
    element.dataset["category"] = next.category;
    if (box.checked !== selected) box.checked = selected;
    setLabel(box, `select ${next.name || "job"} ${next.id.slice(0, SHORT_ID_LENGTH)}`);
    setText(name, next.name || "job");
    setTitle(name, `${next.name}: open it below`);
    setText(glyph, STATUS_GLYPHS[next.category]);
    setText(statusText, next.statusText);
    setText(shortStatus, SHORT_STATUS[next.category] ?? next.statusText);
    setTitle(status, next.status);
    setText(time, progressText(next, now));
    if (next.submittedAt === null) {
      setText(submittedAt, "–");
      setTitle(submittedAt, "");
      submittedAt.removeAttribute("datetime");
    } else {
      setText(submittedAt, `${formatDuration(Math.max(0, now - next.submittedAt))} ago`);
      setTitle(submittedAt, formatExactTime(next.submittedAt));
      submittedAt.dateTime = toIsoTime(next.submittedAt);
    }
    setText(args, next.arguments || "–");
    setTitle(args, next.arguments);
    setText(submitter, next.submitter || "–");
    setTitle(submitter, next.submitter || "submitters are loaded for the newest jobs only");
    setText(study, next.study || "–");
    setTitle(study, next.study);
    setText(id, next.id.slice(0, SHORT_ID_LENGTH));
    setTitle(id, `${next.id}: click to copy`);
    setLabel(id, `copy job id ${next.id}`);
  }

  return { element, draw };
}

/** Return the text of the progress column: the round or the workflow and the run time, or the waiting time. */
export function progressText(job: ListedJob, now: number): string {
  const seconds = elapsed(job, now);
  const time = seconds === null ? "" : formatDuration(seconds);
  if (job.progress) return time ? `${job.progress}, ${time}` : job.progress;
  if (job.category === "waiting" && job.submittedAt !== null) {
    const waited = now - job.submittedAt;
    return waited < QUEUED_S ? "queued" : `waiting ${formatDuration(waited)}`;
  }
  return time || "–";
}

function createCell(name: string, ...children: (Node | string)[]): HTMLElement {
  return h("div", { class: `flw-cell ${name}`, role: "gridcell" }, ...children);
}

function setTitle(element: HTMLElement, title: string): void {
  if (element.title !== title) element.title = title;
}

function setLabel(element: HTMLElement, label: string): void {
  if (element.getAttribute("aria-label") !== label) element.setAttribute("aria-label", label);
}
