/** First line: the status, the job's name, its id, and the age of the data. */
import { createCopyButton } from "../../core/copy";
import { h, setText, setVisible } from "../../core/dom";
import { severityAt, textAt } from "../../core/live-text";
import { STATUS_GLYPHS } from "../../core/status";
import { SHORT_ID_LENGTH } from "../../core/text";
import { formatExactTime, formatTime, toIsoTime } from "../../core/time";
import type { JobViewModel } from "../view-model";

export interface Trouble {
  /** The reason why the data is not confirmed now, in two words; empty while it is. */
  readonly label: string;
  /** Something is wrong: with the connection, or with the job. */
  readonly isAny: boolean;
}

export interface Header {
  readonly element: HTMLElement;
  draw(job: JobViewModel, trouble: Trouble, now: number): void;
  dispose(): void;
}

export function createHeader(announce: (message: string) => void): Header {
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const statusText = h("span", { class: "flw-word" });
  const pill = h("strong", { class: "flw-pill" }, glyph, statusText);
  const name = h("strong", { class: "flw-name" });
  const id = createCopyButton(announce);
  const freshness = h("span", { class: "flw-fresh" });
  const lastKnown = h("span", { class: "flw-fresh flw-last-known" });
  const endedAt = h("time", { class: "flw-fresh" });
  return {
    element: h("div", { class: "flw-head" }, pill, name, id.element, freshness, lastKnown, endedAt),
    draw(job, { label, isAny }, now) {
      const isDoubtful = label !== "";
      pill.className = `flw-pill flw-category-${job.category}${isAny ? " flw-pill-trouble" : ""}`;
      setText(glyph, isAny ? "!" : STATUS_GLYPHS[job.category]);
      setText(statusText, label || job.status);
      setText(name, job.name);
      name.title = job.name;
      id.draw(job.jobId.slice(0, SHORT_ID_LENGTH), job.jobId, "job id");
      setText(lastKnown, isDoubtful ? textAt(job.lastKnown, now) : "");
      setVisible(lastKnown, lastKnown.textContent !== "");
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
