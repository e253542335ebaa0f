/**
 * What is known about a job: the TypeScript half of flare_widgets/monitoring/snapshot.py.
 *
 * `readSnapshot` is the only door: behind it every text is printable and bounded and every number is a number,
 * whatever a server said.
 */
import { list, number, record, text } from "../core/validate";

export interface StatusChange {
  readonly status: string;
  readonly at: number;
  readonly exact: boolean;
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
  readonly factsAt: number | null;
  readonly trouble: string;
  readonly ended: boolean;
}

/** Read what `JobSnapshot.to_json()` wrote. */
export function readSnapshot(value: unknown): JobSnapshot {
  const raw = record(value);
  return {
    jobId: text(raw["job_id"]),
    name: text(raw["name"]),
    study: text(raw["study"]),
    submitter: text(raw["submitter"]),
    status: text(raw["status"]),
    timeline: list(raw["timeline"]).map(({ status, at, exact }) => ({
      status: text(status),
      at: number(at) ?? 0,
      exact: exact === true,
    })),
    sites: list(raw["sites"]).map(({ name, state, detail }) => ({
      name: text(name),
      state: state === "deployed" || state === "failed" ? state : "waiting",
      detail: text(detail),
    })),
    duration: number(raw["duration"]),
    factsAt: number(raw["facts_at"]),
    trouble: text(raw["trouble"]),
    ended: raw["ended"] === true,
  };
}

/** Seconds the job has been running at the time `now`, or ran; null when it did not, or nobody knows. */
export function elapsed(job: JobSnapshot, now: number): number | null {
  if (job.duration !== null) return job.duration;
  const started = job.timeline.find((step) => step.status === "RUNNING");
  if (!started) return null;
  const last = job.timeline.at(-1);
  return Math.max(0, (job.ended && last ? last.at : now) - started.at);
}

/** Seconds since the server last answered about this job, null before its first answer. */
export function age(job: JobSnapshot, now: number): number | null {
  return job.factsAt === null ? null : Math.max(0, now - job.factsAt);
}
