/**
 * What the filter box means. `running name:hello by:admin after:yesterday text` are five conditions, and a job is
 * shown when all of them hold. A word that is none of those is looked for anywhere. Pure.
 */
import type { ListedJob } from "./listed-job";

export interface Filter {
  readonly test: (job: ListedJob) => boolean;
  /** What could not be understood, in words; those conditions are left out. */
  readonly problems: readonly string[];
}

type Test = (job: ListedJob) => boolean;

const EVERYTHING: Filter = { test: () => true, problems: [] };

/** Words for what a job does. */
const STATES: Readonly<Record<string, Test>> = {
  running: (job) => job.tone === "running",
  waiting: (job) => job.tone === "waiting",
  ended: (job) => job.ended,
  finished: (job) => job.ended,
  completed: (job) => job.tone === "done",
  done: (job) => job.tone === "done",
  failed: (job) => job.tone === "failed",
  aborted: (job) => job.status.includes("ABORTED"),
  stopped: (job) => job.tone === "stopped",
};

const FIELDS: Readonly<Record<string, (job: ListedJob) => readonly string[]>> = {
  name: (job) => [job.name],
  by: (job) => [job.submitter],
  study: (job) => [job.study],
  status: (job) => [job.status, job.word],
};

const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const UNITS: Readonly<Record<string, number>> = { min: 60, m: 60, h: 3600, d: 86_400, w: 604_800 };
const DATES = "today, yesterday, monday, 2026-11-23, 14:30, 3d, 2h or 30min";

/**
 * Read a filter.
 *
 * @param now seconds since the epoch: what `today` and `2h` are counted from, in the reader's time zone
 */
export function readFilter(query: string, now: number): Filter {
  const words = split(query);
  if (words.length === 0) return EVERYTHING;
  const tests: Test[] = [];
  const problems: string[] = [];
  for (const { key, value, not } of words) {
    const found = condition(key, value, now);
    if (typeof found === "string") problems.push(found);
    else tests.push(not ? (job) => !found(job) : found);
  }
  return { test: (job) => tests.every((test) => test(job)), problems };
}

function condition(key: string, value: string, now: number): Test | string {
  const wanted = value.toLowerCase();
  if (key === "") return STATES[wanted] ?? anywhere(wanted);
  if (wanted === "") return `${key}: wants a word after the colon`;
  if (key === "after" || key === "before") {
    const at = moment(wanted, now);
    if (at === null) return `${key}:${value} is no time: write ${DATES}`;
    return key === "after"
      ? (job) => job.submittedAt !== null && job.submittedAt >= at
      : (job) => job.submittedAt !== null && job.submittedAt < at;
  }
  if (key === "id") return (job) => job.id.toLowerCase().startsWith(wanted);
  const state = key === "status" ? STATES[wanted] : undefined;
  if (state) return state;
  const field = FIELDS[key];
  return field ? (job) => field(job).some((text) => text.toLowerCase().includes(wanted)) : anywhere(`${key}:${wanted}`);
}

function anywhere(wanted: string): Test {
  return (job) =>
    job.id.toLowerCase().startsWith(wanted) ||
    [job.name, job.submitter, job.study, job.status, job.word].some((text) => text.toLowerCase().includes(wanted));
}

/** The words of a query; quotes keep spaces together, a minus turns a condition round. */
function split(query: string): { key: string; value: string; not: boolean }[] {
  const words = query.match(/(?:[^\s"]+|"[^"]*"?)+/gu) ?? [];
  return words.flatMap((word) => {
    const not = word.startsWith("-") && word.length > 1;
    const bare = not ? word.slice(1) : word;
    const [, key = "", value = ""] = /^(?:([a-z]+):)?(.*)$/isu.exec(bare) ?? [];
    const text = value.replaceAll('"', "");
    return key || text ? [{ key: key.toLowerCase(), value: text, not }] : [];
  });
}

/** A time in words, as seconds since the epoch; null when it is none. */
function moment(words: string, now: number): number | null {
  const today = new Date(now * 1000);
  today.setHours(0, 0, 0, 0);
  const daysAgo = (days: number): number => {
    const day = new Date(today);
    day.setDate(day.getDate() - days);
    return day.getTime() / 1000;
  };
  if (words === "today") return daysAgo(0);
  if (words === "yesterday") return daysAgo(1);
  const weekday = words.length >= 3 ? DAYS.findIndex((day) => day.startsWith(words)) : -1;
  if (weekday >= 0) return daysAgo((today.getDay() - weekday + 7) % 7);
  const span = /^(\d{1,5})(min|m|h|d|w)$/u.exec(words);
  if (span) return now - Number(span[1]) * (UNITS[span[2] ?? ""] ?? 0);
  const clock = /^(\d{1,2}):(\d{2})$/u.exec(words);
  if (clock && Number(clock[1]) < 24 && Number(clock[2]) < 60) {
    today.setHours(Number(clock[1]), Number(clock[2]));
    return today.getTime() / 1000;
  }
  const date = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[t ](\d{1,2}):(\d{2}))?$/u.exec(words);
  if (!date) return null;
  const [year, month, day, hour, minute] = date.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const when = new Date(year, month - 1, day, hour, minute);
  // The 31st of a short month is another day.
  return when.getMonth() === month - 1 && when.getDate() === day ? when.getTime() / 1000 : null;
}
