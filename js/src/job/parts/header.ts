/** First line: the status, the job's name, its id, and the age of the data. */
import { createCopyButton } from "../../core/copy";
import { h, setText, setVisible } from "../../core/dom";
import { formatAge, SHORT_ID_LENGTH } from "../../core/text";
import { formatExactTime, formatTime, toIsoTime } from "../../core/time";
import { age, type JobSnapshot } from "../snapshot";
import { GLYPHS, statusCategory } from "../timeline";

/** Age beyond which data is called stale: many times the polling interval of the monitor. */
const STALE_AFTER_S = 10;

export interface Header {
  readonly element: HTMLElement;
  draw(job: JobSnapshot, now: number): void;
  dispose(): void;
}

export function createHeader(announce: (message: string) => void): Header {
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const statusText = h("span", { class: "flw-word" });
  const doubtAge = h("span", { class: "flw-doubt" });
  const pill = h("strong", { class: "flw-pill" }, glyph, statusText, doubtAge);
  const name = h("strong", { class: "flw-name" });
  const id = createCopyButton(announce);
  const freshness = h("span", { class: "flw-fresh" });
  const endedAt = h("time", { class: "flw-fresh" });
  return {
    element: h("div", { class: "flw-head" }, pill, name, id.element, freshness, endedAt),
    draw(job, now) {
      const category = statusCategory(job);
      const isStale = job.connectionProblem !== "" && !job.hasEnded;
      pill.className = `flw-pill flw-tone-${category}${isStale ? " flw-doubtful" : ""}`;
      setText(glyph, GLYPHS[category]);
      setText(statusText, job.status || "UNKNOWN");
      setText(name, job.name || "job");
      name.title = job.name;
      id.draw(job.jobId.slice(0, SHORT_ID_LENGTH), job.jobId, "job id");

      const seconds = age(job, now);
      const isOld = seconds !== null && seconds > STALE_AFTER_S;
      setVisible(doubtAge, isStale);
      setText(doubtAge, isStale && seconds !== null ? `${formatAge(seconds)} ago` : "");
      setVisible(freshness, !job.hasEnded && !(isStale && seconds !== null));
      freshness.classList.toggle("flw-stale", isOld);
      setText(freshness, freshnessText(seconds, isOld));
      freshness.title = job.updatedAt === null ? "" : `the server last answered ${formatExactTime(job.updatedAt)}`;

      const end = job.hasEnded ? job.timeline.at(-1) : undefined;
      setVisible(endedAt, end !== undefined);
      if (end) {
        setText(endedAt, `ended ${formatTime(end.at, now)}`);
        endedAt.dateTime = toIsoTime(end.at);
        endedAt.title = formatExactTime(end.at);
      }
    },
    dispose: id.dispose,
  };
}

function freshnessText(seconds: number | null, isOld: boolean): string {
  if (seconds === null) return "no answer from the server yet";
  return isOld ? `! last seen ${formatAge(seconds)} ago` : `updated ${formatAge(seconds)} ago`;
}
