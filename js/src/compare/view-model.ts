/** The metrics of the jobs: what `CompareView.metrics` says, read with care. */
import { list, number, pairs, record, text } from "../core/validate";

export interface Metric {
  readonly name: string;
  /** Whether less is better. */
  readonly smaller: boolean;
  /** By job, in their order; empty where a job has none. */
  readonly lines: readonly (readonly (readonly [round: number, value: number])[])[];
  readonly best: { readonly x: number; readonly y: number; readonly words: string } | undefined;
}

export function readMetrics(value: unknown): Metric[] {
  return list(value).map((raw) => {
    const { x, y, words } = record(raw["best"]);
    const [at, best] = [number(x), number(y)];
    return {
      name: text(raw["metric"]),
      smaller: raw["smaller"] === true,
      lines: Array.isArray(raw["lines"]) ? raw["lines"].map(pairs) : [],
      best: at !== null && best !== null ? { x: at, y: best, words: text(words) } : undefined,
    };
  });
}
