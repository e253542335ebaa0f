/** A job's metrics over the rounds: the TypeScript half of flare_widgets/views/job_metrics.py, whose words these are. */
import { list, number, pair, pairs, text } from "../core/validate";

export interface MetricLine {
  readonly name: string;
  readonly points: readonly (readonly [round: number, value: number])[];
  readonly bold: boolean;
}

export interface Metric {
  readonly name: string;
  readonly words: string;
  readonly lines: readonly MetricLine[];
  readonly more: number;
  readonly best: readonly [round: number, value: number] | null;
  readonly every: number;
  readonly drawable: boolean;
}

const SENTENCE = 1000;

/** Read what `Metric.to_json()` wrote, of each metric. */
export function readMetrics(value: unknown): Metric[] {
  return list(value).map((raw) => ({
    name: text(raw["name"]),
    words: text(raw["words"], SENTENCE),
    lines: list(raw["lines"]).map(({ name, points, bold }) => ({
      name: text(name),
      points: pairs(points),
      bold: bold === true,
    })),
    more: number(raw["more"]) ?? 0,
    best: pair(raw["best"]),
    every: number(raw["every"]) ?? 1,
    drawable: raw["drawable"] === true,
  }));
}
