/**
 * A job's life as it is drawn: which way it is going, and its steps. The same rules as
 * flare_widgets/views/job_life.py; js/fixtures holds both to them.
 */
import type { JobSnapshot, StatusChange } from "./snapshot";

export type Tone = "unknown" | "waiting" | "running" | "done" | "stopped" | "failed";

export const GLYPHS: Readonly<Record<Tone, string>> = {
  unknown: "?",
  waiting: "○",
  running: "●",
  done: "✓",
  stopped: "■",
  failed: "✕",
};

const GOOD_ENDS = new Set(["FINISHED:COMPLETED", "FINISHED_OK"]);
// Ended by somebody's wish, or in a way the server does not call good or bad.
const QUIET_ENDS = new Set(["FINISHED", "FINISHED:ABORTED", "FINISHED:ABANDONED", "ABORTED", "ABANDONED"]);

/** Which way a job in this status goes: what colours its pill. */
export function tone(job: Pick<JobSnapshot, "status" | "ended">): Tone {
  if (job.ended) {
    if (GOOD_ENDS.has(job.status)) return "done";
    return QUIET_ENDS.has(job.status) ? "stopped" : "failed";
  }
  if (!job.status) return "unknown";
  return job.status === "RUNNING" ? "running" : "waiting";
}

export interface Step {
  readonly label: string;
  readonly place: "passed" | "current" | "ahead";
  /** Null for a step that was passed unseen, or is still ahead. */
  readonly at: number | null;
  readonly exact: boolean;
}

const ORDINARY = ["SUBMITTED", "DISPATCHED", "RUNNING", "FINISHED"] as const;
// A life has a handful of steps; only a server that invents statuses has more.
const MOST_STEPS = 10;

/** The steps of a job's life: what it passed, where it is, and what normally comes next. */
export function steps(job: JobSnapshot): Step[] {
  const seen = job.timeline.slice(-MOST_STEPS);
  const result = seen.map((change, index) => step(change, index === seen.length - 1 ? "current" : "passed"));
  // A job is dispatched within a second, between two looks at it: nobody saw it, but it must have happened.
  const running = seen.findIndex((change) => change.status === "RUNNING");
  if (running >= 0 && !seen.some((change) => change.status === "DISPATCHED")) {
    result.splice(running, 0, { label: "dispatched", place: "passed", at: null, exact: false });
  }
  if (!job.ended) {
    const next = ORDINARY.indexOf((seen.at(-1)?.status ?? "") as (typeof ORDINARY)[number]) + 1;
    const known = new Set(result.map((done) => done.label));
    for (const status of ORDINARY.slice(next)) {
      const label = statusWord(status);
      if (!known.has(label)) result.push({ label, place: "ahead", at: null, exact: false });
    }
  }
  return result;
}

function step(change: StatusChange, place: Step["place"]): Step {
  return { label: statusWord(change.status), place, at: change.at, exact: change.exact };
}

/** A status as it is read: `FINISHED:EXECUTION_EXCEPTION` as `execution exception`. */
export function statusWord(status: string): string {
  const word = status.startsWith("FINISHED:") ? status.slice("FINISHED:".length) : status;
  return (word || status).toLowerCase().replaceAll("_", " ");
}
