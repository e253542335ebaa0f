/**
 * Status category and timeline of a job, by the same rules as flare_widgets/views/job/timeline.py; js/fixtures tests
 * both.
 */
import type { JobSnapshot, StatusChange } from "./snapshot";

export type StatusCategory = "unknown" | "waiting" | "running" | "done" | "stopped" | "failed";

export const GLYPHS: Readonly<Record<StatusCategory, string>> = {
  unknown: "?",
  waiting: "○",
  running: "●",
  done: "✓",
  stopped: "■",
  failed: "✕",
};

const SUCCESS_STATUSES = new Set(["FINISHED:COMPLETED", "FINISHED_OK"]);
// Ended on request, or in a way that the server calls neither success nor failure.
const NEUTRAL_STATUSES = new Set(["FINISHED", "FINISHED:ABORTED", "FINISHED:ABANDONED", "ABORTED", "ABANDONED"]);

/** Return the category of a job's status, which determines the colour of its pill. */
export function statusCategory(job: Pick<JobSnapshot, "status" | "hasEnded">): StatusCategory {
  if (job.hasEnded) {
    if (SUCCESS_STATUSES.has(job.status)) return "done";
    return NEUTRAL_STATUSES.has(job.status) ? "stopped" : "failed";
  }
  if (!job.status) return "unknown";
  return job.status === "RUNNING" ? "running" : "waiting";
}

export interface Step {
  readonly label: string;
  readonly phase: "passed" | "current" | "ahead";
  /** Time of the step; null if it was not observed, or is still ahead. */
  readonly at: number | null;
  readonly isExact: boolean;
}

const USUAL_STATUSES = ["SUBMITTED", "DISPATCHED", "RUNNING", "FINISHED"] as const;
// A job has a handful of steps; only a server that invents statuses sends more.
const MAX_STEPS = 10;

/** Return the steps of a job: those passed, the present one, and those that usually follow. */
export function steps(job: JobSnapshot): Step[] {
  const seen = job.timeline.slice(-MAX_STEPS);
  const result = seen.map((change, index) => toStep(change, index === seen.length - 1 ? "current" : "passed"));
  // A job is dispatched within a second, between two polls: the step was not observed, but must have happened.
  const running = seen.findIndex((change) => change.status === "RUNNING");
  if (running >= 0 && !seen.some((change) => change.status === "DISPATCHED")) {
    result.splice(running, 0, { label: "dispatched", phase: "passed", at: null, isExact: false });
  }
  if (!job.hasEnded) {
    const next = USUAL_STATUSES.indexOf((seen.at(-1)?.status ?? "") as (typeof USUAL_STATUSES)[number]) + 1;
    const known = new Set(result.map((done) => done.label));
    for (const status of USUAL_STATUSES.slice(next)) {
      const label = statusText(status);
      if (!known.has(label)) result.push({ label, phase: "ahead", at: null, isExact: false });
    }
  }
  return result;
}

function toStep(change: StatusChange, place: Step["phase"]): Step {
  return { label: statusText(change.status), phase: place, at: change.at, isExact: change.isExact };
}

/** Format a status for display: `FINISHED:EXECUTION_EXCEPTION` as `execution exception`. */
export function statusText(status: string): string {
  const word = status.startsWith("FINISHED:") ? status.slice("FINISHED:".length) : status;
  return (word || status).toLowerCase().replaceAll("_", " ");
}
