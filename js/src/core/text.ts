/** Words and numbers as they are shown. The rules are those of flare_widgets/monitoring/text.py. */

/** How many characters of a job id are shown. */
export const SHORT_ID_LENGTH = 8;

// What Python's str.isprintable() refuses: control, format (bidi overrides among them), surrogate, private and
// unassigned characters, and every separator but the plain space.
const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/gu;

const PLAIN = /^[\x20-\x7e]*$/u;

/** Text from a server or a site, fit for a screen: unprintable characters replaced, length bounded. */
export function sanitize(text: string, limit = 200): string {
  // Nearly all of the texts of ten thousand rows.
  if (text.length <= limit && PLAIN.test(text)) return text;
  // No code point is longer than two code units: cutting first keeps a megabyte from being split up.
  const points = Array.from(text.slice(0, 2 * (limit + 1)));
  const safe = (part: string[]): string => part.join("").replace(UNPRINTABLE, "\uFFFD");
  return points.length <= limit ? safe(points) : `${safe(points.slice(0, limit - 1))}…`;
}

/** Seconds as `0:07`, `2:14` or `1:02:03`. */
export function formatDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const two = (n: number): string => String(n).padStart(2, "0");
  const rest = two(whole % 60);
  return hours ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** How long ago, in the largest unit that still means something: `3 s ago`, `5 min ago`, `2 h ago`. */
export function formatAge(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s ago`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ago`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h ago`;
  const days = Math.floor(whole / 86_400);
  return days === 1 ? "1 day ago" : `${days} days ago`;
}
