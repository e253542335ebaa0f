/** Formatting of durations, and of times in seconds since the epoch, shown in the reader's time zone. */

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

/**
 * Format a run time or an age: `42 s`, `2 min 14 s`, `1 h 2 min`, `3 days`; never more than has passed. The same rule
 * as `format_duration` in flare_widgets/formatting/text.py.
 */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole >= 48 * 3600) return `${Math.floor(whole / 86_400)} days`;
  const [large, small] = whole >= 3600 ? ["h", "min"] : ["min", "s"];
  const rest = whole >= 3600 ? Math.floor(whole / 60) : whole;
  const parts = [
    [Math.floor(rest / 60), large],
    [rest % 60, small],
  ] as const;
  const shown = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return shown.join(" ") || "0 s";
}
