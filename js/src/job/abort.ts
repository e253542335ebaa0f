/** The user's wish to abort, from the first click to the server's answer. Pure: what to show, not how. */
import { clean } from "../lib/text";

/** `JobView.abort_state`: how far the kernel has got with the wish. */
export interface AbortState {
  readonly state: "idle" | "asked" | "sent" | "failed";
  readonly words: string;
}

export function readAbortState(value: unknown): AbortState {
  const raw = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const state = raw["state"];
  return {
    state: state === "asked" || state === "sent" || state === "failed" ? state : "idle",
    words: typeof raw["words"] === "string" ? clean(raw["words"], 500) : "",
  };
}

/** What this browser knows of the wish and the kernel does not (yet). */
export interface Wish {
  /** The second button is shown. */
  readonly confirming: boolean;
  /** When the user said yes (browser's clock), until the kernel reacts. */
  readonly askedAt: number | null;
}

export interface AbortFacts {
  readonly possible: boolean;
  readonly ended: boolean;
  readonly state: AbortState;
  readonly wish: Wish;
  readonly now: number;
}

export interface AbortPicture {
  readonly controls: "none" | "button" | "confirm";
  readonly words: string;
  readonly failed: boolean;
}

const NOTHING: AbortPicture = { controls: "none", words: "", failed: false };
const PATIENCE = 3;

/** What the action row shows. */
export function abortPicture({ possible, ended, state, wish, now }: AbortFacts): AbortPicture {
  // Once the job has ended its status says how; the wish has no meaning any more.
  if (ended || !possible) return NOTHING;
  if (state.state === "sent") {
    return { ...NOTHING, words: state.words ? `abort requested: ${state.words}` : "abort requested" };
  }
  if (state.state === "asked") return { ...NOTHING, words: "abort requested…" };
  if (wish.askedAt !== null) {
    // A message to a kernel that computes waits until the cell is done, and one to a dead kernel for ever.
    const late = now - wish.askedAt > PATIENCE;
    return { ...NOTHING, words: late ? "abort requested, but the kernel does not answer yet" : "abort requested…" };
  }
  if (wish.confirming) return { ...NOTHING, controls: "confirm" };
  if (state.state === "failed") return { controls: "button", words: `abort failed: ${state.words}`, failed: true };
  return { ...NOTHING, controls: "button" };
}
