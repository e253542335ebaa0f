/**
 * The lines of one log that this browser holds, and the indices of those that are shown. Independent of the document
 * and the kernel. The Python half is flare_widgets/views/job/log.py, whose messages `readBatch` reads.
 */
import { sanitize } from "../../core/text";
import { stripCodes } from "./ansi";

export const LEVELS = ["error", "warning", "info", "debug"] as const;
export type Level = (typeof LEVELS)[number];

const LEVEL_OF: Readonly<Record<string, Level>> = { e: "error", w: "warning", i: "info", d: "debug" };

/** Number of lines that are kept; the oldest are dropped. */
export const MAX_LINES = 100_000;

export interface Batch {
  readonly target: string;
  readonly epoch: number;
  /** Number of the first line. */
  readonly first: number;
  readonly lines: readonly string[];
  /** Levels of the lines, a letter each. */
  readonly levels: string;
  readonly more: boolean;
  /** Number of the first line that the kernel still has. */
  readonly firstKept: number;
  readonly skippedBytes: number;
  readonly state: "live" | "waiting" | "over" | "none";
  readonly message: string;
}

/** Read a message; null if it is not about a log. */
export function readBatch(message: unknown): Batch | null {
  const raw = typeof message === "object" && message !== null ? (message as Record<string, unknown>) : {};
  if (raw["kind"] !== "log" || typeof raw["target"] !== "string") return null;
  const number = (key: string, minimum: number): number => {
    const value = raw[key];
    return typeof value === "number" && Number.isSafeInteger(value) && value >= minimum ? value : minimum;
  };
  const { lines, levels, state } = raw;
  return {
    target: raw["target"],
    epoch: number("epoch", 0),
    first: number("first", 1),
    lines: Array.isArray(lines) ? lines.map((line) => (typeof line === "string" ? line : "")) : [],
    levels: typeof levels === "string" ? levels : "",
    more: raw["more"] === true,
    firstKept: number("kept_from", 1),
    skippedBytes: number("left_out", 0),
    state: state === "live" || state === "over" || state === "none" ? state : "waiting",
    message: typeof raw["message"] === "string" ? sanitize(raw["message"], 1000) : "",
  };
}

/** The lines of one log. The number of a line never changes. */
export class LogBuffer {
  epoch = 0;
  /** Number of the first line that is held. */
  first = 1;
  skippedBytes = 0;
  #lines: string[] = [];
  #levels: Level[] = [];
  #counts: Record<Level, number> = { error: 0, warning: 0, info: 0, debug: 0 };
  readonly #hidden = new Set<Level>();
  #shown: number[] = [];
  #query = "";
  #matches: number[] = [];

  constructor(readonly maxLines = MAX_LINES) {}

  /** Number of the next line, to request from the kernel. */
  get next(): number {
    return this.first + this.#lines.length;
  }

  /** Number of lines per level. */
  get counts(): Readonly<Record<Level, number>> {
    return this.#counts;
  }

  /** Numbers of the lines whose level is shown, ascending. A new array after each change. */
  get shown(): readonly number[] {
    return this.#shown;
  }

  /** Numbers of the shown lines that match the search, ascending. */
  get matches(): readonly number[] {
    return this.#matches;
  }

  /** The search text in lower case. */
  get query(): string {
    return this.#query;
  }

  get length(): number {
    return this.#lines.length;
  }

  line(number: number): string {
    return this.#lines[number - this.first] ?? "";
  }

  level(number: number): Level {
    return this.#levels[number - this.first] ?? "info";
  }

  /** Append a batch; return false if it leaves a gap and was ignored. */
  append(batch: Batch): boolean {
    this.skippedBytes = batch.skippedBytes;
    if (batch.epoch !== this.epoch || (batch.first > this.next && batch.first === batch.firstKept)) {
      // The kernel reads the log anew; or it no longer has the lines in between.
      if (batch.first !== batch.firstKept) return false;
      this.epoch = batch.epoch;
      this.#clear(batch.first);
    }
    if (batch.first > this.next) return false;
    const known = this.next - batch.first;
    const from = this.next;
    batch.lines.slice(known).forEach((line, index) => {
      const level = LEVEL_OF[batch.levels[known + index] ?? ""] ?? "info";
      this.#lines.push(line);
      this.#levels.push(level);
      this.#counts[level]++;
    });
    const gone = this.#dropOldest();
    if (this.next > from || gone) this.#updateShown(Math.max(from, this.first), gone);
    return true;
  }

  /** Show or hide the lines of a level. */
  setLevelVisible(level: Level, visible: boolean): void {
    if (visible) this.#hidden.delete(level);
    else this.#hidden.add(level);
    this.#shown = [];
    this.#matches = [];
    this.#updateShown(this.first, false);
  }

  isLevelVisible(level: Level): boolean {
    return !this.#hidden.has(level);
  }

  /** Search for a text, ignoring case. */
  search(text: string): void {
    this.#query = text.toLowerCase();
    this.#matches = this.#query ? this.#shown.filter((number) => this.#matchesQuery(number)) : [];
  }

  /** Drop all lines. */
  reset(): void {
    this.epoch = 0;
    this.#clear(1);
  }

  #clear(first: number): void {
    this.first = first;
    this.#lines = [];
    this.#levels = [];
    this.#shown = [];
    this.#matches = [];
    this.#counts = { error: 0, warning: 0, info: 0, debug: 0 };
  }

  /** Drop the oldest lines, many at a time. */
  #dropOldest(): boolean {
    if (this.#lines.length <= this.maxLines * 1.05) return false;
    const gone = this.#lines.length - this.maxLines;
    for (const level of this.#levels.splice(0, gone)) this.#counts[level]--;
    this.#lines.splice(0, gone);
    this.first += gone;
    return true;
  }

  /** Update the shown and matching lines from a line on. */
  #updateShown(from: number, gone: boolean): void {
    const keep = (numbers: readonly number[]): number[] =>
      gone ? numbers.filter((number) => number >= this.first) : [...numbers];
    const shown = keep(this.#shown);
    const matches = keep(this.#matches);
    for (let number = from; number < this.next; number++) {
      if (this.#hidden.has(this.level(number))) continue;
      shown.push(number);
      if (this.#query && this.#matchesQuery(number)) matches.push(number);
    }
    this.#shown = shown;
    this.#matches = matches;
  }

  #matchesQuery(number: number): boolean {
    return stripCodes(this.line(number)).toLowerCase().includes(this.#query);
  }
}

/** Return the index of the first number that is not less; the length if there is none. */
export function lowerBound(numbers: readonly number[], number: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? Infinity) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
