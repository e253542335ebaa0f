/** Second line: how far it is, how long it has been running, and whose it is. */
import { h, setText, show } from "../../core/dom";
import { duration } from "../../core/text";
import type { Progress } from "../view-model";
import { type JobSnapshot, elapsed } from "../snapshot";
import { progressParts } from "./progress";

export interface Facts {
  readonly element: HTMLElement;
  draw(job: JobSnapshot, progress: Progress | null, now: number): void;
}

export function facts(): Facts {
  const far = progressParts();
  const time = h("span", { class: "flw-elapsed" });
  const submitter = h("span");
  const study = h("span");
  return {
    element: h("div", { class: "flw-facts" }, far.element, time, far.left, submitter, study),
    draw(job, progress, now) {
      // Without news nobody knows whether it goes on.
      far.draw(progress, job.trouble && job.factsAt !== null ? job.factsAt : now);
      setText(time, timeWords(job, now));
      show(submitter, job.submitter !== "");
      setText(submitter, `submitted by ${job.submitter}`);
      show(study, job.study !== "");
      setText(study, `study ${job.study}`);
    },
  };
}

/** The run time in words. Without news the clock stands still: nobody knows whether the job still runs. */
export function timeWords(job: JobSnapshot, now: number): string {
  const doubtful = job.trouble !== "" && !job.ended;
  const seconds = elapsed(job, doubtful && job.factsAt !== null ? job.factsAt : now);
  if (seconds === null) return job.ended ? "no run time known" : "not running yet";
  if (job.ended) return `ran ${duration(seconds)}`;
  return doubtful ? `${duration(seconds)} elapsed when last heard of` : `${duration(seconds)} elapsed`;
}
