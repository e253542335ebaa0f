/** A job of the list: the front-end half of `ListedJob` in flare_widgets/monitoring/job_list/watch.py. */

import { type StatusCategory, toStatusCategory } from "../core/status";
import { asNumber, asRecord, asText, asTexts } from "../core/validate";

export interface ListedJob {
  readonly id: string;
  readonly name: string;
  readonly study: string;
  readonly submitter: string;
  readonly status: string;
  /** The status as displayed: `FINISHED:EXECUTION_EXCEPTION` as `execution exception`. */
  readonly statusText: string;
  readonly category: StatusCategory;
  readonly hasEnded: boolean;
  readonly submittedAt: number | null;
  readonly startedAt: number | null;
  readonly duration: number | null;
  /** The round or the workflow in words; empty unless the job runs and is watched. */
  readonly progress: string;
  /** The arguments of the sites' script: `batch=16 rate=0.1`; empty if unknown. */
  readonly arguments: string;
  /** Names of the actions that the server would probably deny for this job. */
  readonly deniedActions: readonly string[];
}

const MAX_ARGUMENTS_CHARS = 500;
const ENDED_CATEGORIES: ReadonlySet<StatusCategory> = new Set(["done", "stopped", "failed"]);

/** Read the result of Python's `ListedJob.to_json()`; every text in the result is printable and bounded. */
export function readListedJob(id: string, value: unknown): ListedJob {
  const raw = asRecord(value);
  const category = toStatusCategory(raw["category"]);
  return {
    id,
    name: asText(raw["name"]),
    study: asText(raw["study"]),
    submitter: asText(raw["submitter"]),
    status: asText(raw["status"]),
    statusText: asText(raw["status_text"]) || "unknown",
    category,
    hasEnded: ENDED_CATEGORIES.has(category),
    submittedAt: asNumber(raw["submitted_at"]),
    startedAt: asNumber(raw["started_at"]),
    duration: asNumber(raw["duration"]),
    progress: asText(raw["progress"]),
    arguments: asText(raw["arguments"], MAX_ARGUMENTS_CHARS),
    deniedActions: asTexts(raw["denied_actions"]),
  };
}

/** Return the run time of a job in seconds, up to `now` if it is running; null if it never ran or is unknown. */
export function elapsed(job: ListedJob, now: number): number | null {
  if (job.duration !== null) return job.duration;
  return job.startedAt === null ? null : Math.max(0, now - job.startedAt);
}
