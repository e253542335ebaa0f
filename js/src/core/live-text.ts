/**
 * Text that counts the time and changes with it: the front-end half of flare_widgets/formatting/live_text.py. The kernel
 * says what to show and from which moment on; here, only the clock is read.
 */
import { formatDuration } from "./time";
import { asNumber, asRecords, asText } from "./validate";

export type Severity = "good" | "warn" | "bad" | "unknown";

/** A glyph for each severity, for users who cannot tell the colours apart. */
export const SEVERITY_GLYPHS: Readonly<Record<Severity, string>> = { good: "●", warn: "!", bad: "✕", unknown: "○" };

interface Phase {
  /** The text around the time that is counted. */
  readonly parts: readonly string[];
  readonly moment: number | null;
  readonly severity: Severity;
  readonly isCountdown: boolean;
  /** The moment after which the phase holds. */
  readonly after: number;
}

/** The phases of a text, in the order of time. */
export type LiveText = readonly Phase[];

const SEVERITIES: readonly Severity[] = ["good", "warn", "bad", "unknown"];
const MAX_PART_CHARS = 1000;

/** Read the result of Python's `LiveText.to_json()`; every text in the result is printable and bounded. */
export function readLiveText(value: unknown): LiveText {
  return asRecords(value).map(({ text, moment, severity, is_countdown, after }) => ({
    parts: (Array.isArray(text) ? text : []).map((part) => asText(part, MAX_PART_CHARS)),
    moment: asNumber(moment),
    severity: SEVERITIES.find((known) => known === severity) ?? "unknown",
    isCountdown: is_countdown === true,
    after: asNumber(after) ?? Number.NEGATIVE_INFINITY,
  }));
}

/** Read a list of results of Python's `LiveText.to_json()`. */
export function readLiveTexts(value: unknown): LiveText[] {
  return Array.isArray(value) ? value.map(readLiveText) : [];
}

/** Return the text as it reads at the time `now`. */
export function textAt(text: LiveText, now: number): string {
  const phase = phaseAt(text, now);
  if (!phase) return "";
  if (phase.moment === null) return phase.parts.join("");
  const seconds = Math.max(0, phase.isCountdown ? phase.moment - now : now - phase.moment);
  return phase.parts.join(formatDuration(seconds));
}

/** Return the severity of a text at the time `now`. */
export function severityAt(text: LiveText, now: number): Severity {
  return phaseAt(text, now)?.severity ?? "unknown";
}

function phaseAt(text: LiveText, now: number): Phase | undefined {
  return text.filter(({ after }) => now > after).at(-1);
}
