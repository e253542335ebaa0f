/** Jobs of a study, for tests. */
import { type ListedJob, readListedJob } from "./listed-job";

export const NOW = new Date(2026, 10, 25, 15, 0, 0).getTime() / 1000; // a Wednesday, in the local time zone

/** The category and the text of each status that the tests use. */
const STATUSES: Readonly<Record<string, readonly [category: string, text: string]>> = {
  SUBMITTED: ["waiting", "submitted"],
  DISPATCHED: ["waiting", "dispatched"],
  RUNNING: ["running", "running"],
  "FINISHED:COMPLETED": ["done", "completed"],
  "FINISHED:ABORTED": ["stopped", "aborted"],
  "FINISHED:EXECUTION_EXCEPTION": ["failed", "execution exception"],
};

/** Return what the kernel adds to a row for its status. */
export function withCategory<Row extends { readonly status: string }>(row: Row): Row & Record<string, unknown> {
  const [category = "unknown", status_text = row.status] = STATUSES[row.status] ?? [];
  return { ...row, category, status_text };
}

export function listedJob(id: string, facts: Record<string, unknown> = {}): ListedJob {
  const status = typeof facts["status"] === "string" ? facts["status"] : "FINISHED:COMPLETED";
  return readListedJob(id, {
    name: "hello-numpy",
    study: "default",
    submitter: "admin@nvidia.com",
    submitted_at: NOW - 100,
    ...withCategory({ ...facts, status }),
  });
}

export const JOBS: readonly ListedJob[] = [
  listedJob("aaa1", { status: "SUBMITTED", submitted_at: NOW - 40 }),
  listedJob("bbb2", {
    name: "cifar10",
    status: "RUNNING",
    submitted_at: NOW - 3600,
    started_at: NOW - 3590,
    progress: "round 4/10",
    arguments: "rate=10",
  }),
  listedJob("ccc3", {
    status: "FINISHED:EXECUTION_EXCEPTION",
    submitter: "lead@a.org",
    submitted_at: NOW - 86_400,
    duration: 12,
  }),
  listedJob("ddd4", {
    name: "brats 2",
    status: "FINISHED:ABORTED",
    submitted_at: NOW - 3 * 86_400,
    duration: 90,
    arguments: "rate=2",
  }),
  listedJob("eee5", { study: "trial", submitted_at: NOW - 30 * 86_400, duration: 7000 }),
];
