/** The metrics of the jobs: what `CompareView.metrics` says, read with care. */
import { clean } from "../lib/text";

export interface Metric {
  readonly name: string;
  /** Whether less is better. */
  readonly smaller: boolean;
  /** By job, in their order; empty where a job has none. */
  readonly lines: readonly (readonly (readonly [round: number, value: number])[])[];
  readonly best: { readonly x: number; readonly y: number; readonly words: string } | undefined;
}

export function readMetrics(value: unknown): Metric[] {
  return list(value).map((entry) => {
    const raw = (typeof entry === "object" && entry !== null ? entry : {}) as Record<string, unknown>;
    const { x, y, words } = (raw["best"] ?? {}) as Record<string, unknown>;
    return {
      name: text(raw["metric"]),
      smaller: raw["smaller"] === true,
      lines: list(raw["lines"]).map((line) => list(line).filter(isPoint)),
      best: isNumber(x) && isNumber(y) ? { x, y, words: text(words) } : undefined,
    };
  });
}

function isPoint(value: unknown): value is [number, number] {
  return Array.isArray(value) && isNumber(value[0]) && isNumber(value[1]);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? clean(value) : "";
}
