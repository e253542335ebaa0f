/** Sorting of the jobs. */
import { elapsed, type ListedJob } from "./listed-job";

export type Column = "name" | "status" | "time" | "submitted" | "arguments" | "submitter" | "study" | "id";

export interface SortOrder {
  readonly column: Column;
  readonly descending: boolean;
}

export const NEWEST_FIRST: SortOrder = { column: "submitted", descending: true };

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** Return the order after a click on a column header: at first times descend and texts ascend. */
export function nextSortOrder(order: SortOrder, column: Column): SortOrder {
  if (order.column === column) return { column, descending: !order.descending };
  return { column, descending: column === "submitted" || column === "time" };
}

/** Return the jobs in an order; unknown values come last, and equal ones newest first. */
export function sortJobs(jobs: readonly ListedJob[], { column, descending }: SortOrder, now: number): ListedJob[] {
  const sign = descending ? -1 : 1;
  const newest = (a: ListedJob, b: ListedJob): number =>
    (b.submittedAt ?? 0) - (a.submittedAt ?? 0) || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
  if (column === "submitted" || column === "time") {
    const value = (job: ListedJob): number | null => (column === "submitted" ? job.submittedAt : elapsed(job, now));
    return [...jobs].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return Number(x === null) - Number(y === null) || newest(a, b);
      return sign * (x - y) || (column === "submitted" ? sign * -newest(a, b) : newest(a, b));
    });
  }
  const value = (job: ListedJob): string => (column === "status" ? job.statusText : job[column]);
  return [...jobs].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (!x || !y) return Number(!x) - Number(!y) || newest(a, b);
    return sign * collator.compare(x, y) || newest(a, b);
  });
}
