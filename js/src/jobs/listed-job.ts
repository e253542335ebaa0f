/** A job of the list: the TypeScript half of ListedJob in flare_widgets/monitoring/jobs.py. */
import { type Tone, statusWord, tone } from "../job/timeline";
import { number, record, text, texts } from "../core/validate";

export interface ListedJob {
  readonly id: string;
  readonly name: string;
  readonly study: string;
  readonly submitter: string;
  readonly status: string;
  /** The status as it is read: `FINISHED:EXECUTION_EXCEPTION` as `execution exception`. */
  readonly word: string;
  readonly tone: Tone;
  readonly ended: boolean;
  readonly submittedAt: number | null;
  readonly startedAt: number | null;
  readonly duration: number | null;
  readonly round: number | null;
  readonly totalRounds: number | null;
  /** The actions that the server would probably not let the user do with it. */
  readonly refused: readonly string[];
}

/** Read what `ListedJob.to_json()` wrote: behind this door texts are printable and numbers are numbers. */
export function readJob(id: string, value: unknown): ListedJob {
  const raw = record(value);
  const status = text(raw["status"]);
  const ended = raw["ended"] === true;
  return {
    id,
    name: text(raw["name"]),
    study: text(raw["study"]),
    submitter: text(raw["submitter"]),
    status,
    word: statusWord(status) || "unknown",
    tone: tone({ status, ended }),
    ended,
    submittedAt: number(raw["submitted_at"]),
    startedAt: number(raw["started_at"]),
    duration: number(raw["duration"]),
    round: number(raw["round"]),
    totalRounds: number(raw["total_rounds"]),
    refused: texts(raw["refused"]),
  };
}

/** Seconds the job has been running at the time `now`, or ran; null when it does not, or nobody knows. */
export function elapsed(job: ListedJob, now: number): number | null {
  if (job.duration !== null) return job.duration;
  return job.startedAt === null ? null : Math.max(0, now - job.startedAt);
}
