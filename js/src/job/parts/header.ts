/** First line: the status, the job's name, its id, and the age of the data. */
import { createCopyButton } from "../../core/copy";
import { h, setText, setVisible } from "../../core/dom";
import { severityAt, textAt } from "../../core/live-text";
import { STATUS_GLYPHS } from "../../core/status";
import { SHORT_ID_LENGTH } from "../../core/text";
import { formatExactTime, formatTime, toIsoTime } from "../../core/time";
import type { JobViewModel } from "../view-model";

export interface Header {
  readonly element: HTMLElement;
  /** @param problem reason why the data is not confirmed now; empty while it is */
  draw(job: JobViewModel, problem: string, now: number): void;
  dispose(): void;
}

export function createHeader(announce: (message: string) => void): Header {
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const statusText = h("span", { class: "flw-word" });
  const statusAge = h("span", { class: "flw-doubt" });
  const pill = h("strong", { class: "flw-pill" }, glyph, statusText, statusAge);
  const name = h("strong", { class: "flw-name" });
  const id = createCopyButton(announce);
  const freshness = h("span", { class: "flw-fresh" });
  const endedAt = h("time", { class: "flw-fresh" });
  return {
    element: h("div", { class: "flw-head" }, pill, name, id.element, freshness, endedAt),
    draw(job, problem, now) {
      const isDoubtful = problem !== "";
      pill.className = `flw-pill flw-category-${job.category}${isDoubtful ? " flw-doubtful" : ""}`;
      setText(glyph, STATUS_GLYPHS[job.category]);
      setText(statusText, job.status);
      setText(name, job.name);
      name.title = job.name;
      id.draw(job.jobId.slice(0, SHORT_ID_LENGTH), job.jobId, "job id");
      setVisible(statusAge, isDoubtful);
      setText(statusAge, isDoubtful ? textAt(job.statusAge, now) : "");
      setVisible(freshness, !job.hasEnded && !(isDoubtful && job.updatedAt !== null));
      freshness.classList.toggle("flw-stale", severityAt(job.freshness, now) === "warn");
      setText(freshness, textAt(job.freshness, now));
      freshness.title = job.updatedAt === null ? "" : `the server last answered ${formatExactTime(job.updatedAt)}`;
      setVisible(endedAt, job.endedAt !== null);
      if (job.endedAt !== null) {
        setText(endedAt, `ended ${formatTime(job.endedAt, now)}`);
        endedAt.dateTime = toIsoTime(job.endedAt);
        endedAt.title = formatExactTime(job.endedAt);
      }
    },
    dispose: id.dispose,
  };
}
