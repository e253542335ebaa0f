/**
 * The snapshot of a job: the front-end half of flare_widgets/monitoring/job/snapshot.py.
 *
 * `readSnapshot` validates it: every text in the result is printable and bounded, and every number is a number.
 */
import { asNumber, asRecord, asRecords, asText } from "../core/validate";

export interface StatusChange {
  readonly status: string;
  readonly at: number;
  readonly isExact: boolean;
}

export interface SiteDeployment {
  readonly name: string;
  readonly state: "waiting" | "deployed" | "failed";
  readonly detail: string;
}

export interface JobSnapshot {
  readonly jobId: string;
  readonly name: string;
  readonly study: string;
  readonly submitter: string;
  readonly status: string;
  readonly timeline: readonly StatusChange[];
  readonly sites: readonly SiteDeployment[];
  readonly duration: number | null;
  readonly updatedAt: number | null;
  readonly connectionProblem: string;
  readonly hasEnded: boolean;
}

/** Read the result of Python's `JobSnapshot.to_json()`. */
export function readSnapshot(value: unknown): JobSnapshot {
  const raw = asRecord(value);
  return {
    jobId: asText(raw["job_id"]),
    name: asText(raw["name"]),
    study: asText(raw["study"]),
    submitter: asText(raw["submitter"]),
    status: asText(raw["status"]),
    timeline: asRecords(raw["timeline"]).map(({ status, at, exact }) => ({
      status: asText(status),
      at: asNumber(at) ?? 0,
      isExact: exact === true,
    })),
    sites: asRecords(raw["sites"]).map(({ name, state, detail }) => ({
      name: asText(name),
      state: state === "deployed" || state === "failed" ? state : "waiting",
      detail: asText(detail),
    })),
    duration: asNumber(raw["duration"]),
    updatedAt: asNumber(raw["facts_at"]),
    connectionProblem: asText(raw["trouble"]),
    hasEnded: raw["ended"] === true,
  };
}

/** Return the run time of a job in seconds, up to `now` if it is running; null if it never ran or is unknown. */
export function elapsed(job: JobSnapshot, now: number): number | null {
  if (job.duration !== null) return job.duration;
  const started = job.timeline.find((step) => step.status === "RUNNING");
  if (!started) return null;
  const last = job.timeline.at(-1);
  return Math.max(0, (job.hasEnded && last ? last.at : now) - started.at);
}

/** Return the seconds since the server last answered about this job; null before its first answer. */
export function age(job: JobSnapshot, now: number): number | null {
  return job.updatedAt === null ? null : Math.max(0, now - job.updatedAt);
}
