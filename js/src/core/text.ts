/** Text formatting, by the same rules as flare_widgets/formatting/text.py. */

/** Number of characters of a job id that are shown. */
export const SHORT_ID_LENGTH = 8;

// The characters that Python's str.isprintable() refuses: control, format (with bidi overrides), surrogate, private
// and unassigned ones, and every separator but the plain space.
const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/gu;

const PLAIN = /^[\x20-\x7e]*$/u;

/** Make text from a server or a site fit for display: replace unprintable characters and bound the length. */
export function sanitize(text: string, limit = 200): string {
  // A fast path for nearly all texts of ten thousand rows.
  if (text.length <= limit && PLAIN.test(text)) return text;
  // No code point has more than two code units: cutting first avoids splitting a megabyte.
  const points = Array.from(text.slice(0, 2 * (limit + 1)));
  const safe = (part: string[]): string => part.join("").replace(UNPRINTABLE, "\uFFFD");
  return points.length <= limit ? safe(points) : `${safe(points.slice(0, limit - 1))}…`;
}

/** Return a sentence without its period, to be continued. */
export function withoutPeriod(sentence: string): string {
  return sentence.replace(/\.$/u, "");
}
