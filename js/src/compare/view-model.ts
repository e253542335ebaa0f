/** The table and the parallel coordinates: the front-end half of flare_widgets/views/compare/{view_model,charts}.py. */
import { asNumber, asPoint, asRecord, asRecords, asText } from "../core/validate";

export interface Cell {
  readonly text: string;
  /** What rows are sorted and filtered by; null if there is nothing. */
  readonly value: number | string | null;
  /** A word on the value: the round of a metric. */
  readonly note: string;
  /** The difference to the baseline, with its sign. */
  readonly difference: string;
  readonly tone: "better" | "worse" | "";
  readonly isBest: boolean;
}

export interface Column {
  readonly heading: string;
  /** Its name in a filter. */
  readonly name: string;
  readonly kind: "fact" | "argument" | "metric";
  /** The better direction of a metric; empty if it is unknown. */
  readonly direction: "max" | "min" | "";
  /** One cell per job. */
  readonly cells: readonly Cell[];
}

export interface Axis {
  readonly name: string;
  readonly isMetric: boolean;
  /** Positions from 0 to 1, from below, and their labels. */
  readonly ticks: readonly (readonly [at: number, label: string])[];
}

export interface Parallel {
  readonly axes: readonly Axis[];
  /** The positions of each job on the axes. */
  readonly lines: readonly (readonly (number | null)[])[];
  /** How good each job is, from 0 to 1; null if that is unknown. */
  readonly merits: readonly (number | null)[];
}

export function readColumns(value: unknown): Column[] {
  return asRecords(value).map((raw) => ({
    heading: asText(raw["heading"]),
    name: asText(raw["name"]),
    kind: raw["kind"] === "argument" || raw["kind"] === "metric" ? raw["kind"] : "fact",
    direction: raw["direction"] === "max" || raw["direction"] === "min" ? raw["direction"] : "",
    cells: asRecords(raw["cells"]).map((cell) => ({
      text: asText(cell["text"]),
      value: typeof cell["value"] === "string" ? asText(cell["value"]) : asNumber(cell["value"]),
      note: asText(cell["note"]),
      difference: asText(cell["difference"]),
      tone: cell["tone"] === "better" || cell["tone"] === "worse" ? cell["tone"] : "",
      isBest: cell["is_best"] === true,
    })),
  }));
}

/** Read parallel coordinates; null if there are none. */
export function readParallel(value: unknown): Parallel | null {
  const raw = asRecord(value);
  const axes = asRecords(raw["axes"]).map((axis) => ({
    name: asText(axis["name"]),
    isMetric: axis["is_metric"] === true,
    ticks: (Array.isArray(axis["ticks"]) ? axis["ticks"] : []).flatMap((tick) => {
      const [at] = asPoint([Array.isArray(tick) ? tick[0] : null, 0]) ?? [];
      return at === undefined ? [] : [[at, asText(tick[1])] as const];
    }),
  }));
  if (axes.length < 2) return null;
  const lines = Array.isArray(raw["lines"]) ? raw["lines"] : [];
  return { axes, lines: lines.map(asNumbers), merits: asNumbers(raw["merits"]) };
}

export function asNumbers(value: unknown): (number | null)[] {
  return Array.isArray(value) ? value.map(asNumber) : [];
}
