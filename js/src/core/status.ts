/** The categories of a job's status: the front-end half of `status_category` in flare_widgets/views/job/timeline.py. */

/** A glyph for each category, for users who cannot tell the colours apart. */
export const STATUS_GLYPHS = {
  unknown: "?",
  waiting: "○",
  running: "●",
  done: "✓",
  stopped: "■",
  failed: "✕",
  lost: "!",
} as const;

export type StatusCategory = keyof typeof STATUS_GLYPHS;

/** Return the category that the kernel sent; `unknown` for anything else. */
export function toStatusCategory(value: unknown): StatusCategory {
  return typeof value === "string" && Object.hasOwn(STATUS_GLYPHS, value) ? (value as StatusCategory) : "unknown";
}
