/**
 * The query language of the filter. `running name:hello by:admin after:yesterday text` has five conditions, and a job
 * is shown if it meets all of them. Any other word is searched for in all columns.
 */
import type { ListedJob } from "./listed-job";

export interface Filter {
  readonly test: (job: ListedJob) => boolean;
  /** Errors in the query, a text each; those conditions are ignored. */
  readonly problems: readonly string[];
}

type Test = (job: ListedJob) => boolean;

const MATCH_ALL: Filter = { test: () => true, problems: [] };

/** Conditions on the state of a job. */
const STATES: Readonly<Record<string, Test>> = {
  running: (job) => job.category === "running",
  waiting: (job) => job.category === "waiting",
  ended: (job) => job.hasEnded,
  finished: (job) => job.hasEnded,
  completed: (job) => job.category === "done",
  done: (job) => job.category === "done",
  failed: (job) => job.category === "failed",
  aborted: (job) => job.status.includes("ABORTED"),
  stopped: (job) => job.category === "stopped",
  lost: (job) => job.category === "lost",
};

const FIELDS: Readonly<Record<string, (job: ListedJob) => readonly string[]>> = {
  name: (job) => [job.name],
  by: (job) => [job.submitter],
  study: (job) => [job.study],
  arguments: (job) => [job.arguments],
  status: (job) => [job.status, job.statusText],
};

const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const UNITS: Readonly<Record<string, number>> = { min: 60, m: 60, h: 3600, d: 86_400, w: 604_800 };
const DATES = "today, yesterday, monday, 2026-11-23, 14:30, 3d, 2h or 30min";

/**
 * Parse a query.
 *
 * @param now the time that `today` and `2h` refer to, in seconds since the epoch
 */
export function readFilter(query: string, now: number): Filter {
  const tokens = tokenize(query);
  if (tokens.length === 0) return MATCH_ALL;
  const tests: Test[] = [];
  const problems: string[] = [];
  for (const { key, value, isNegated } of tokens) {
    const found = parseCondition(key, value, now);
    if (typeof found === "string") problems.push(found);
    else tests.push(isNegated ? (job) => !found(job) : found);
  }
  return { test: (job) => tests.every((test) => test(job)), problems };
}

function parseCondition(key: string, value: string, now: number): Test | string {
  const needle = value.toLowerCase();
  if (key === "") return STATES[needle] ?? matchAnywhere(needle);
  if (needle === "") return `${key}: expected a word after the colon`;
  if (key === "after" || key === "before") {
    const at = parseTime(needle, now);
    if (at === null) return `${key}:${value} is not a valid time: use ${DATES}`;
    return key === "after"
      ? (job) => job.submittedAt !== null && job.submittedAt >= at
      : (job) => job.submittedAt !== null && job.submittedAt < at;
  }
  if (key === "id") return (job) => job.id.toLowerCase().startsWith(needle);
  const state = key === "status" ? STATES[needle] : undefined;
  if (state) return state;
  const field = FIELDS[key];
  return field
    ? (job) => field(job).some((text) => text.toLowerCase().includes(needle))
    : matchAnywhere(`${key}:${needle}`);
}

function matchAnywhere(needle: string): Test {
  return (job) =>
    job.id.toLowerCase().startsWith(needle) ||
    [job.name, job.arguments, job.submitter, job.study, job.status, job.statusText].some((text) =>
      text.toLowerCase().includes(needle),
    );
}

/** Split a query into conditions. Quotes protect spaces; a leading minus negates a condition. */
function tokenize(query: string): { key: string; value: string; isNegated: boolean }[] {
  const tokens = query.match(/(?:[^\s"]+|"[^"]*"?)+/gu) ?? [];
  return tokens.flatMap((word) => {
    const isNegated = word.startsWith("-") && word.length > 1;
    const bare = isNegated ? word.slice(1) : word;
    const [, key = "", value = ""] = /^(?:([a-z]+):)?(.*)$/isu.exec(bare) ?? [];
    const text = value.replaceAll('"', "");
    return key || text ? [{ key: key.toLowerCase(), value: text, isNegated }] : [];
  });
}

/** Parse a time into seconds since the epoch, in the reader's time zone; null if it is invalid. */
function parseTime(text: string, now: number): number | null {
  const today = new Date(now * 1000);
  today.setHours(0, 0, 0, 0);
  const daysAgo = (days: number): number => {
    const day = new Date(today);
    day.setDate(day.getDate() - days);
    return day.getTime() / 1000;
  };
  if (text === "today") return daysAgo(0);
  if (text === "yesterday") return daysAgo(1);
  const weekday = text.length >= 3 ? DAYS.findIndex((name) => name.startsWith(text)) : -1;
  if (weekday >= 0) return daysAgo((today.getDay() - weekday + 7) % 7);
  const span = /^(\d{1,5})(min|m|h|d|w)$/u.exec(text);
  if (span) return now - Number(span[1]) * (UNITS[span[2] ?? ""] ?? 0);
  const clock = /^(\d{1,2}):(\d{2})$/u.exec(text);
  if (clock && Number(clock[1]) < 24 && Number(clock[2]) < 60) {
    today.setHours(Number(clock[1]), Number(clock[2]));
    return today.getTime() / 1000;
  }
  const date = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[t ](\d{1,2}):(\d{2}))?$/u.exec(text);
  if (!date) return null;
  const [year, month, day, hour, minute] = date.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const when = new Date(year, month - 1, day, hour, minute);
  // `Date` turns the 31st of a short month into another day.
  return when.getMonth() === month - 1 && when.getDate() === day ? when.getTime() / 1000 : null;
}
