/**
 * What can be done with the selected jobs. Pure. What the user may do at all, and what became of a wish, the kernel
 * says (`JobsView.actions`); which of the jobs it fits is seen here.
 */
import type { Action } from "../core/actions";
import { SHORT_ID } from "../core/text";
import type { ListedJob } from "./listed-job";

/** An action, and the jobs that it would be done with. */
export interface Choice extends Action {
  readonly jobs: readonly ListedJob[];
}

/** Metrics of more jobs in one chart are not told apart. */
export const MOST_COMPARED = 8;
const MOST_NAMED = 5;

interface Rule {
  readonly fits: (job: ListedJob) => boolean;
  /** Why none of the jobs fits. */
  readonly none: string;
  readonly least: number;
  readonly most: number;
}

const one = { least: 1, most: 1, fits: () => true, none: "" };
const several = { least: 1, most: Infinity };
const RULES: Readonly<Record<string, Rule>> = {
  open: one,
  compare: { least: 2, most: MOST_COMPARED, fits: () => true, none: "" },
  abort: { ...several, fits: (job) => !job.ended, none: "it has ended" },
  clone: one,
  download: { ...one, fits: (job) => job.ended, none: "there is no result before it has ended" },
  delete: {
    ...several,
    fits: (job) => job.status !== "RUNNING" && job.status !== "DISPATCHED",
    none: "it is running, abort it first",
  },
};

/** What of it can be done with these jobs; `reason` says why not. Where some of them fit, it is for those. */
export function choices(actions: readonly Action[], selected: readonly ListedJob[]): Choice[] {
  return actions.map((action) => {
    const rule = RULES[action.name] ?? one;
    const fitting = selected.filter(rule.fits);
    const jobs = fitting.filter((job) => !job.refused.includes(action.name));
    const reason = action.reason || whyNot(rule, selected, fitting, jobs, action.label);
    return { ...action, jobs, reason, confirm: question(action.name, jobs), yes: yes(action, jobs) };
  });
}

function whyNot(
  { least, most, none }: Rule,
  selected: readonly ListedJob[],
  fitting: readonly ListedJob[],
  jobs: readonly ListedJob[],
  label: string,
): string {
  if (selected.length < least) return least > 1 ? "select two or more jobs" : "select a job";
  if (selected.length > most) return most === 1 ? "select one job only" : `select ${most} jobs at most`;
  if (fitting.length === 0) return none;
  if (jobs.length > 0) return "";
  const by = fitting[0]?.submitter || "somebody else";
  return `with FLARE's default policy your role may not ${label.toLowerCase()} a job of ${by}`;
}

function question(name: string, jobs: readonly ListedJob[]): string {
  const what = jobs.length === 1 ? "this job" : `these ${jobs.length} jobs`;
  if (name === "abort") return `Abort ${what}: ${named(jobs)}?`;
  if (name === "delete") return `Delete ${what} with all results from the server, for good: ${named(jobs)}?`;
  return "";
}

function yes({ label, name }: Action, jobs: readonly ListedJob[]): string {
  const verb = name === "abort" || name === "delete" ? label.toLowerCase() : "";
  return verb ? `Yes, ${verb} ${jobs.length === 1 ? "it" : `${jobs.length} jobs`}` : "Yes";
}

function named(jobs: readonly ListedJob[]): string {
  const names = jobs.slice(0, MOST_NAMED).map((job) => `${job.name || "job"} ${job.id.slice(0, SHORT_ID)}`);
  const more = jobs.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
