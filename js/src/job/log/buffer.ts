/**
 * The lines of one log that this browser holds, and the rows in which they are shown. Independent of the document and
 * the kernel. The Python half is flare_widgets/views/job/log.py, whose messages `readBatch` reads.
 */
import { sanitize } from "../../core/text";
import { stripCodes } from "./ansi";

export const LEVELS = ["error", "warning", "info", "debug"] as const;
export type Level = (typeof LEVELS)[number];

/** Kinds of lines that can be hidden. Lines of FLARE's transport are folded in place of that. */
export const KINDS = [...LEVELS, "transport"] as const;
export type Kind = (typeof KINDS)[number];

const LEVEL_OF: Readonly<Record<string, Level>> = { e: "error", w: "warning", i: "info", d: "debug" };

/** Number of lines that are kept; the oldest are dropped. */
export const MAX_LINES = 100_000;

/** A line in columns; all are empty but the text if it belongs to the record above it. Untrusted. */
export interface Line {
  /** As logged: `2026-11-23 19:00:45,046`, by the clock of whose log it is. */
  readonly time: string;
  /** The logger's name, or `print`. */
  readonly source: string;
  /** The level's name, such as `CRITICAL`. */
  readonly levelName: string;
  /** FLARE's context: `identity=site-1, run=...`. */
  readonly context: string;
  readonly text: string;
}

/** A line at which a round or a task begins. */
export interface Mark {
  readonly line: number;
  readonly label: string;
}

/** A row that says on which day the lines below it were logged. */
export interface DayRow {
  readonly kind: "day";
  readonly day: string;
  /** The line below it. */
  readonly line: number;
}

/** A row in place of lines of FLARE's transport. */
export interface FoldRow {
  readonly kind: "fold";
  /** The first and the last of the lines. */
  readonly line: number;
  readonly last: number;
  readonly count: number;
}

/** A line's number, or another row. */
export type Row = number | DayRow | FoldRow;

export interface Batch {
  readonly target: string;
  readonly epoch: number;
  /** Number of the first line. */
  readonly first: number;
  readonly lines: readonly Line[];
  /** Levels and origins of the lines, a letter each. */
  readonly levels: string;
  readonly origins: string;
  readonly marks: readonly Mark[];
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
    return isCount(value) && value >= minimum ? value : minimum;
  };
  const { lines, levels, origins, marks, state } = raw;
  return {
    target: raw["target"],
    epoch: number("epoch", 0),
    first: number("first", 1),
    lines: Array.isArray(lines) ? lines.map(readLine) : [],
    levels: typeof levels === "string" ? levels : "",
    origins: typeof origins === "string" ? origins : "",
    marks: Array.isArray(marks) ? marks.flatMap(readMark) : [],
    more: raw["more"] === true,
    firstKept: number("kept_from", 1),
    skippedBytes: number("left_out", 0),
    state: state === "live" || state === "over" || state === "none" ? state : "waiting",
    message: typeof raw["message"] === "string" ? sanitize(raw["message"], 1000) : "",
  };
}

function readLine(raw: unknown): Line {
  const [time, source, levelName, context, text] = Array.isArray(raw) ? raw.map(textOrEmpty) : [];
  return {
    time: time ?? "",
    source: source ?? "",
    levelName: levelName ?? "",
    context: context ?? "",
    text: text ?? textOrEmpty(raw),
  };
}

function readMark(raw: unknown): Mark[] {
  const [line, label] = Array.isArray(raw) ? raw : [];
  return isCount(line) && typeof label === "string" ? [{ line, label: sanitize(label, 60) }] : [];
}

function textOrEmpty(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Return a line as FLARE wrote it. */
export function formatLine({ time, source, levelName, context, text }: Line): string {
  if (!time) return text;
  return [time, source, levelName, context && `[${context}]`, text].filter(Boolean).join(" - ");
}

/** Return the number of the line that a row shows, or of the first one that it stands for. */
export function lineOf(row: Row): number {
  return typeof row === "number" ? row : row.line;
}

const NO_LINE: Line = { time: "", source: "", levelName: "", context: "", text: "" };

/** The lines of one log. The number of a line never changes. */
export class LogBuffer {
  epoch = 0;
  /** Number of the first line that is held. */
  first = 1;
  skippedBytes = 0;
  #lines: Line[] = [];
  #levels: Level[] = [];
  #origins = "";
  #counts = countNothing();
  #ownCount = 0;
  #marks: Mark[] = [];
  readonly #hidden = new Set<Kind>(["transport"]);
  #isOwnOnly = false;
  /** Folded lines that the reader has unfolded. */
  readonly #unfolded = new Set<number>();
  #rows: Row[] = [];
  /** Day of the last line in `#rows`. */
  #day = "";
  #query = "";
  #matches: number[] = [];

  constructor(readonly maxLines = MAX_LINES) {}

  /** Number of the next line, to request from the kernel. */
  get next(): number {
    return this.first + this.#lines.length;
  }

  /** Number of lines per kind. */
  get counts(): Readonly<Record<Kind, number>> {
    return this.#counts;
  }

  /** Number of lines of the user's own code. */
  get ownCount(): number {
    return this.#ownCount;
  }

  /** The lines at which rounds begin, ascending. */
  get marks(): readonly Mark[] {
    return this.#marks;
  }

  /** The rows, in the order of their lines. It grows in place; another array after other changes. */
  get rows(): readonly Row[] {
    return this.#rows;
  }

  /** Numbers of the lines that are shown, ascending. */
  get shown(): readonly number[] {
    return this.#rows.filter((row) => typeof row === "number");
  }

  /** Numbers of the lines that match the search, shown or folded, ascending. */
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

  get isOwnOnly(): boolean {
    return this.#isOwnOnly;
  }

  line(number: number): Line {
    return this.#lines[number - this.first] ?? NO_LINE;
  }

  level(number: number): Level {
    return this.#levels[number - this.first] ?? "info";
  }

  /** Tell if a line is of the user's own code. */
  isOwn(number: number): boolean {
    return this.#origins[number - this.first] === "o";
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
      this.#lines.push(line);
      this.#levels.push(LEVEL_OF[batch.levels[known + index] ?? ""] ?? "info");
    });
    this.#origins += batch.origins
      .slice(known)
      .padEnd(this.next - from, "f")
      .slice(0, this.next - from);
    for (let number = from; number < this.next; number++) this.#count(number, 1);
    this.#marks.push(...batch.marks.filter(({ line }) => line >= from && line < this.next));
    if (this.#dropOldest()) this.#rebuild();
    else for (let number = from; number < this.next; number++) this.#addRow(number);
    return true;
  }

  /** Show or hide the lines of a kind; those of the transport are folded. */
  setKindVisible(kind: Kind, visible: boolean): void {
    if (visible) this.#hidden.delete(kind);
    else this.#hidden.add(kind);
    if (kind === "transport") this.#unfolded.clear();
    this.#rebuild();
  }

  isKindVisible(kind: Kind): boolean {
    return !this.#hidden.has(kind);
  }

  /** Show the lines of the user's own code only, or all. */
  setOwnOnly(on: boolean): void {
    this.#isOwnOnly = on;
    this.#rebuild();
  }

  /** Show the lines for which a fold stands. */
  unfold({ line, last }: FoldRow): void {
    for (let number = line; number <= last; number++) this.#unfolded.add(number);
    this.#rebuild();
  }

  /** Return the index of the row that shows a line, of the fold that it is in, or of the next row after it. */
  rowIndex(number: number): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const row = this.#rows[middle];
      const end = row === undefined ? Infinity : typeof row === "number" ? row : row.kind === "fold" ? row.last : -1;
      // The row of a day is before its line.
      const isBefore = end === -1 ? lineOf(row as DayRow) <= number : end < number;
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Search for a text, ignoring case. */
  search(text: string): void {
    this.#query = text.toLowerCase();
    this.#matches = [];
    if (!this.#query) return;
    for (let number = this.first; number < this.next; number++)
      if (this.#passes(number) && this.#matchesQuery(number)) this.#matches.push(number);
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
    this.#origins = "";
    this.#marks = [];
    this.#unfolded.clear();
    this.#counts = countNothing();
    this.#ownCount = 0;
    this.#rebuild();
  }

  #count(number: number, by: 1 | -1): void {
    this.#counts[this.#kind(number)] += by;
    if (this.isOwn(number)) this.#ownCount += by;
  }

  /** Drop the oldest lines, many at a time. */
  #dropOldest(): boolean {
    if (this.#lines.length <= this.maxLines * 1.05) return false;
    const gone = this.#lines.length - this.maxLines;
    for (let number = this.first; number < this.first + gone; number++) {
      this.#count(number, -1);
      this.#unfolded.delete(number);
    }
    this.#lines.splice(0, gone);
    this.#levels.splice(0, gone);
    this.#origins = this.#origins.slice(gone);
    this.first += gone;
    this.#marks = this.#marks.filter(({ line }) => line >= this.first);
    return true;
  }

  #rebuild(): void {
    this.#rows = [];
    this.#matches = [];
    this.#day = "";
    for (let number = this.first; number < this.next; number++) this.#addRow(number);
  }

  /** Add the row of a line, if it has one. */
  #addRow(number: number): void {
    if (!this.#passes(number)) return;
    if (this.#query && this.#matchesQuery(number)) this.#matches.push(number);
    if (this.#isFolded(number)) {
      const last = this.#rows.at(-1);
      const begun = typeof last === "object" && last.kind === "fold" ? last : null;
      const row: FoldRow = { kind: "fold", line: begun?.line ?? number, last: number, count: (begun?.count ?? 0) + 1 };
      if (begun) this.#rows[this.#rows.length - 1] = row;
      else this.#rows.push(row);
      return;
    }
    const day = this.line(number).time.slice(0, 10);
    if (day && day !== this.#day) {
      this.#day = day;
      this.#rows.push({ kind: "day", day, line: number });
    }
    this.#rows.push(number);
  }

  #kind(number: number): Kind {
    return this.#origins[number - this.first] === "t" ? "transport" : this.level(number);
  }

  /** Tell if a line is shown or folded, rather than hidden. */
  #passes(number: number): boolean {
    if (this.#isOwnOnly) return this.isOwn(number) && !this.#hidden.has(this.level(number));
    const kind = this.#kind(number);
    return kind === "transport" || !this.#hidden.has(kind);
  }

  #isFolded(number: number): boolean {
    return (
      this.#hidden.has("transport") &&
      !this.#isOwnOnly &&
      this.#kind(number) === "transport" &&
      !this.#unfolded.has(number)
    );
  }

  #matchesQuery(number: number): boolean {
    const { source, text } = this.line(number);
    return stripCodes(text).toLowerCase().includes(this.#query) || source.toLowerCase().includes(this.#query);
  }
}

function countNothing(): Record<Kind, number> {
  return { error: 0, warning: 0, info: 0, debug: 0, transport: 0 };
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
