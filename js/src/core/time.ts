/** Formatting of times, given in seconds since the epoch and shown in the reader's time zone. */

const clockFormat = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const dayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const yearFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const fullFormat = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
  timeZoneName: "short",
});

/** Format a time briefly, with the day only if it is not today. */
export function formatTime(at: number, now: number): string {
  const when = new Date(at * 1000);
  const today = new Date(now * 1000);
  if (Number.isNaN(when.getTime())) return "";
  const time = clockFormat.format(when);
  if (when.toDateString() === today.toDateString()) return time;
  const day = (when.getFullYear() === today.getFullYear() ? dayFormat : yearFormat).format(when);
  return `${day}, ${time}`;
}

/** Format a time with its date and time zone, for tooltips. */
export function formatExactTime(at: number): string {
  const when = new Date(at * 1000);
  return Number.isNaN(when.getTime()) ? "" : fullFormat.format(when);
}

/** Format a time for `<time datetime>`; empty if it is invalid. */
export function toIsoTime(at: number): string {
  const when = new Date(at * 1000);
  return Number.isNaN(when.getTime()) ? "" : when.toISOString();
}
