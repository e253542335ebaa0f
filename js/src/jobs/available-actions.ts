/**
 * The actions that are available for the selected jobs. Permissions and outcomes come from the kernel
 * (`JobsView.actions`); this module decides to which of the selected jobs an action applies.
 */
import type { Action } from "../core/actions";
import { SHORT_ID_LENGTH } from "../core/text";
import type { ListedJob } from "./listed-job";

/** An action and the jobs that it would apply to. */
export interface AvailableAction extends Action {
  readonly jobs: readonly ListedJob[];
}

const MAX_NAMED = 5;

interface Rule {
  readonly fits: (job: ListedJob) => boolean;
  /** Reason given when the action fits none of the jobs. */
  readonly whenNoneFits: string;
  readonly min: number;
  readonly max: number;
}

const NOT_IF_LOST = "no process runs it any more: clone it to run it again";

const isLost = (job: ListedJob): boolean => job.category === "lost";
const one = { min: 1, max: 1, fits: () => true, whenNoneFits: "" };
const several = { min: 1, max: Infinity };
const ofEnded = {
  ...one,
  fits: (job: ListedJob) => job.hasEnded,
  whenNoneFits: "results are available once the job has ended",
};
const RULES: Readonly<Record<string, Rule>> = {
  open: one,
  compare: { min: 2, max: Infinity, fits: () => true, whenNoneFits: "" },
  abort: { ...several, fits: (job) => !job.hasEnded && !isLost(job), whenNoneFits: "it has ended" },
  clone: one,
  results: ofEnded,
  download: ofEnded,
  delete: {
    ...several,
    fits: (job) => job.status !== "RUNNING" && job.status !== "DISPATCHED",
    whenNoneFits: "it is running, abort it first",
  },
};

/** Return the actions for the selected jobs. An action that fits only some of them applies to those. */
export function availableActions(actions: readonly Action[], selected: readonly ListedJob[]): AvailableAction[] {
  return actions.map((action) => {
    const rule = RULES[action.name] ?? one;
    const fitting = selected.filter(rule.fits);
    const jobs = fitting.filter((job) => !job.deniedActions.includes(action.name));
    const reason = action.disabledReason || disabledReason(rule, selected, fitting, jobs, action.label);
    return {
      ...action,
      jobs,
      disabledReason: reason,
      question: questionText(action.name, jobs),
      confirmLabel: confirmLabel(action, jobs),
    };
  });
}

function disabledReason(
  { min, max, whenNoneFits }: Rule,
  selected: readonly ListedJob[],
  fitting: readonly ListedJob[],
  jobs: readonly ListedJob[],
  label: string,
): string {
  if (selected.length < min) return min > 1 ? "select two or more jobs" : "select a job";
  if (selected.length > max) return max === 1 ? "select one job only" : `select ${max} jobs at most`;
  if (fitting.length === 0) return selected.every(isLost) ? NOT_IF_LOST : whenNoneFits;
  if (jobs.length > 0) return "";
  const by = fitting[0]?.submitter || "somebody else";
  return `your role may not ${label.toLowerCase()} a job of ${by} under FLARE's default policy`;
}

function questionText(name: string, jobs: readonly ListedJob[]): string {
  const what = jobs.length === 1 ? "this job" : `these ${jobs.length} jobs`;
  if (name === "abort") return `Abort ${what}: ${jobNames(jobs)}?`;
  if (name === "delete")
    return `Delete ${what} and all results from the server: ${jobNames(jobs)}? This cannot be undone.`;
  return "";
}

function confirmLabel({ label, name, confirmLabel: fallback }: Action, jobs: readonly ListedJob[]): string {
  if (name !== "abort" && name !== "delete") return fallback;
  return jobs.length === 1 ? `${label} job` : `${label} ${jobs.length} jobs`;
}

function jobNames(jobs: readonly ListedJob[]): string {
  const names = jobs.slice(0, MAX_NAMED).map((job) => `${job.name || "job"} ${job.id.slice(0, SHORT_ID_LENGTH)}`);
  const more = jobs.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
