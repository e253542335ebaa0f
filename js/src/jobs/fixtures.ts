/** Jobs of a study, for tests. */
import { type ListedJob, readListedJob } from "./listed-job";

export const NOW = new Date(2026, 10, 25, 15, 0, 0).getTime() / 1000; // a Wednesday, in the local time zone

export function listedJob(id: string, facts: Record<string, unknown> = {}): ListedJob {
  const status = typeof facts["status"] === "string" ? facts["status"] : "FINISHED:COMPLETED";
  return readListedJob(id, {
    name: "hello-numpy",
    study: "default",
    submitter: "admin@nvidia.com",
    submitted_at: NOW - 100,
    ended: status.startsWith("FINISHED"),
    ...facts,
    status,
  });
}

export const JOBS: readonly ListedJob[] = [
  listedJob("aaa1", { status: "SUBMITTED", submitted_at: NOW - 40 }),
  listedJob("bbb2", {
    name: "cifar10",
    status: "RUNNING",
    submitted_at: NOW - 3600,
    started_at: NOW - 3590,
    round: 4,
    total_rounds: 10,
  }),
  listedJob("ccc3", {
    status: "FINISHED:EXECUTION_EXCEPTION",
    submitter: "lead@a.org",
    submitted_at: NOW - 86_400,
    duration: 12,
  }),
  listedJob("ddd4", { name: "brats 2", status: "FINISHED:ABORTED", submitted_at: NOW - 3 * 86_400, duration: 90 }),
  listedJob("eee5", { study: "trial", submitted_at: NOW - 30 * 86_400, duration: 7000 }),
];
