/** The processes of a federation: the front-end half of `ProcessRow` in flare_widgets/views/faults/view.py. */
import { type Action, readActions } from "../core/actions";
import { sanitize } from "../core/text";

const STATES = ["running", "paused", "slow", "killed", "down"] as const;
export type ProcessState = (typeof STATES)[number];

/** The same glyphs as in flare_widgets/views/faults/html.py. */
export const GLYPHS: Readonly<Record<ProcessState, string>> = {
  running: "●",
  paused: "❙❙",
  slow: "◔",
  killed: "✕",
  down: "○",
};

/** More rows than any federation for teaching has. */
const MAX_ROWS = 100;

export interface ProcessRow {
  readonly name: string;
  readonly state: ProcessState;
  readonly text: string;
  /** Start of this state, in seconds since the epoch; null if invalid. */
  readonly since: number | null;
  /** Actions on the process; empty in a federation that has ended. */
  readonly actions: readonly Action[];
}

/** Read the trait `rows`; every text in the result is printable and bounded. */
export function readProcessRows(value: unknown): ProcessRow[] {
  return (Array.isArray(value) ? value.slice(0, MAX_ROWS) : []).map((entry: unknown) => {
    const raw = typeof entry === "object" && entry !== null ? (entry as Record<string, unknown>) : {};
    const text = (key: string, limit: number): string =>
      typeof raw[key] === "string" ? sanitize(raw[key], limit) : "";
    const since = raw["since"];
    return {
      name: text("name", 64),
      state: STATES.find((state) => state === raw["state"]) ?? "down",
      text: text("description", 80),
      since: typeof since === "number" && Number.isFinite(since) ? since : null,
      actions: readActions(raw["actions"]),
    };
  });
}
