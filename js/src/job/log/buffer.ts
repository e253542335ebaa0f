/**
 * The lines of one log that this browser has, and what of them is shown. Pure: knows neither the document nor the
 * kernel. The Python half is flare_widgets/views/log.py, whose messages `readBatch` reads.
 */
import { sanitize } from "../../core/text";
import { stripCodes } from "./ansi";

export const LEVELS = ["error", "warning", "info", "debug"] as const;
export type Level = (typeof LEVELS)[number];

const LEVEL_OF: Readonly<Record<string, Level>> = { e: "error", w: "warning", i: "info", d: "debug" };

/** Lines that are kept; the oldest ones go. */
export const MAX_LINES = 100_000;

export interface Batch {
  readonly target: string;
  readonly epoch: number;
  /** The number of the first line. */
  readonly first: number;
  readonly lines: readonly string[];
  /** A letter for each line. */
  readonly levels: string;
  readonly more: boolean;
  /** The first line that the kernel still has. */
  readonly firstKept: number;
  readonly skippedBytes: number;
  readonly state: "live" | "waiting" | "over" | "none";
  readonly message: string;
}

/** Read a message; null when it is none about logs. */
export function readBatch(message: unknown): Batch | null {
  const raw = typeof message === "object" && message !== null ? (message as Record<string, unknown>) : {};
  if (raw["kind"] !== "log" || typeof raw["target"] !== "string") return null;
  const number = (key: string, minimum: number): number => {
    const value = raw[key];
    return typeof value === "number" && Number.isSafeInteger(value) && value >= minimum ? value : minimum;
  };
  const { lines, levels, state, words } = raw;
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
    message: typeof words === "string" ? sanitize(words, 1000) : "",
  };
}

/** One log, as far as it is here. Lines have numbers, which never change. */
export class LogBuffer {
  epoch = 0;
  /** The number of the first line that is here. */
  first = 1;
  skippedBytes = 0;
  /** Grows whenever something is taken. */
  #lines: string[] = [];
  #levels: Level[] = [];
  #counts: Record<Level, number> = { error: 0, warning: 0, info: 0, debug: 0 };
  readonly #hidden = new Set<Level>();
  #shown: number[] = [];
  #query = "";
  #matches: number[] = [];

  constructor(readonly maxLines = MAX_LINES) {}

  /** The number that the next line will have: what to ask the kernel for. */
  get next(): number {
    return this.first + this.#lines.length;
  }

  /** How many lines of each level there are. */
  get counts(): Readonly<Record<Level, number>> {
    return this.#counts;
  }

  /** The numbers of the lines whose level is shown, ascending. Another array whenever they are others. */
  get shown(): readonly number[] {
    return this.#shown;
  }

  /** The numbers of the shown lines that have what is looked for, ascending. */
  get matches(): readonly number[] {
    return this.#matches;
  }

  /** What is looked for, in lower case. */
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

  /** Take a message about this log; false when it does not join what is here, and was of no use. */
  append(batch: Batch): boolean {
    this.skippedBytes = batch.skippedBytes;
    if (batch.epoch !== this.epoch || (batch.first > this.next && batch.first === batch.firstKept)) {
      // Another reading; or this one has gone on for so long that the kernel does not have the lines between either.
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

  /** Show lines of a level, or hide them. */
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

  /** Look for text, whatever the case. */
  search(text: string): void {
    this.#query = text.toLowerCase();
    this.#matches = this.#query ? this.#shown.filter((number) => this.#matchesQuery(number)) : [];
  }

  /** Forget all lines. */
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

  /** Let the oldest lines go, many at a time. */
  #dropOldest(): boolean {
    if (this.#lines.length <= this.maxLines * 1.05) return false;
    const gone = this.#lines.length - this.maxLines;
    for (const level of this.#levels.splice(0, gone)) this.#counts[level]--;
    this.#lines.splice(0, gone);
    this.first += gone;
    return true;
  }

  /** Bring what is shown and found up to date, from a line on. */
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

/** The place of the first number that is not less; the length if there is none. */
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
