/** A job of the list: the TypeScript half of ListedJob in flare_widgets/monitoring/jobs.py. */

import { asNumber, asRecord, asText, asTexts } from "../core/validate";
import { type StatusCategory, statusCategory, statusText } from "../job/timeline";

export interface ListedJob {
  readonly id: string;
  readonly name: string;
  readonly study: string;
  readonly submitter: string;
  readonly status: string;
  /** The status as it is read: `FINISHED:EXECUTION_EXCEPTION` as `execution exception`. */
  readonly statusText: string;
  readonly category: StatusCategory;
  readonly hasEnded: boolean;
  readonly submittedAt: number | null;
  readonly startedAt: number | null;
  readonly duration: number | null;
  readonly round: number | null;
  readonly totalRounds: number | null;
  /** The actions that the server would probably not let the user do with it. */
  readonly deniedActions: readonly string[];
}

/** Read what `ListedJob.to_json()` wrote: behind this door texts are printable and numbers are numbers. */
export function readListedJob(id: string, value: unknown): ListedJob {
  const raw = asRecord(value);
  const status = asText(raw["status"]);
  const ended = raw["ended"] === true;
  return {
    id,
    name: asText(raw["name"]),
    study: asText(raw["study"]),
    submitter: asText(raw["submitter"]),
    status,
    statusText: statusText(status) || "unknown",
    category: statusCategory({ status, hasEnded: ended }),
    hasEnded: ended,
    submittedAt: asNumber(raw["submitted_at"]),
    startedAt: asNumber(raw["started_at"]),
    duration: asNumber(raw["duration"]),
    round: asNumber(raw["round"]),
    totalRounds: asNumber(raw["total_rounds"]),
    deniedActions: asTexts(raw["refused"]),
  };
}

/** Seconds the job has been running at the time `now`, or ran; null when it does not, or nobody knows. */
export function elapsed(job: ListedJob, now: number): number | null {
  if (job.duration !== null) return job.duration;
  return job.startedAt === null ? null : Math.max(0, now - job.startedAt);
}
