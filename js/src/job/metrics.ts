/** A job's metrics by round: the front-end half of flare_widgets/views/job/metrics.py. */
import { asNumber, asPoint, asPoints, asRecords, asText } from "../core/validate";

export interface MetricLine {
  readonly name: string;
  readonly points: readonly (readonly [round: number, value: number])[];
  readonly isBold: boolean;
}

export interface Metric {
  readonly name: string;
  readonly text: string;
  readonly lines: readonly MetricLine[];
  readonly hiddenSites: number;
  readonly best: readonly [round: number, value: number] | null;
  readonly stride: number;
  readonly hasChart: boolean;
}

const MAX_SENTENCE_CHARS = 1000;

/** Read the results of Python's `Metric.to_json()`. */
export function readMetrics(value: unknown): Metric[] {
  return asRecords(value).map((raw) => ({
    name: asText(raw["name"]),
    text: asText(raw["words"], MAX_SENTENCE_CHARS),
    lines: asRecords(raw["lines"]).map(({ name, points, bold }) => ({
      name: asText(name),
      points: asPoints(points),
      isBold: bold === true,
    })),
    hiddenSites: asNumber(raw["more"]) ?? 0,
    best: asPoint(raw["best"]),
    stride: asNumber(raw["every"]) ?? 1,
    hasChart: raw["drawable"] === true,
  }));
}
