/** Second line: progress, run time, submitter and study. */
import { h, setText, setVisible } from "../../core/dom";
import { formatDuration } from "../../core/text";
import { elapsed, type JobSnapshot } from "../snapshot";
import type { Progress } from "../view-model";
import { createProgress } from "./progress";

export interface Summary {
  readonly element: HTMLElement;
  draw(job: JobSnapshot, progress: Progress | null, now: number): void;
}

export function createSummary(): Summary {
  const progressParts = createProgress();
  const time = h("span", { class: "flw-elapsed" });
  const submitter = h("span");
  const study = h("span");
  return {
    element: h("div", { class: "flw-facts" }, progressParts.element, time, progressParts.left, submitter, study),
    draw(job, progress, now) {
      // While the connection is lost, show the time of the last confirmed data.
      progressParts.draw(progress, job.connectionProblem && job.updatedAt !== null ? job.updatedAt : now);
      setText(time, elapsedText(job, now));
      setVisible(submitter, job.submitter !== "");
      setText(submitter, `submitted by ${job.submitter}`);
      setVisible(study, job.study !== "");
      setText(study, `study ${job.study}`);
    },
  };
}

/** Return the run time as text. It stops while the connection is lost, when the job may have ended. */
export function elapsedText(job: JobSnapshot, now: number): string {
  const isStale = job.connectionProblem !== "" && !job.hasEnded;
  const seconds = elapsed(job, isStale && job.updatedAt !== null ? job.updatedAt : now);
  if (seconds === null) return job.hasEnded ? "run time unknown" : "not running yet";
  if (job.hasEnded) return `took ${formatDuration(seconds)}`;
  return isStale ? `${formatDuration(seconds)} elapsed when last seen` : `${formatDuration(seconds)} elapsed`;
}
