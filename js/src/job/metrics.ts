/** A job's metrics by round and by step: the front-end half of flare_widgets/views/job/metrics.py. */
import { readScale, type Scale } from "../core/scale";
import { asNumber, asPoint, asPoints, asRecords, asText } from "../core/validate";

export interface MetricLine {
  readonly name: string;
  readonly points: readonly (readonly [x: number, value: number])[];
  readonly isBold: boolean;
}

export interface Metric {
  readonly name: string;
  readonly text: string;
  readonly lines: readonly MetricLine[];
  readonly hiddenSites: number;
  readonly best: readonly [x: number, value: number] | null;
  readonly stride: number;
  /** `round` or `step`. */
  readonly xLabel: string;
  /** A sentence about the metric; empty if there is nothing to say. */
  readonly note: string;
  readonly hasChart: boolean;
  readonly scale: Scale | null;
  /** Null if no value is above 0. */
  readonly logScale: Scale | null;
}

const MAX_SENTENCE_CHARS = 1000;

/** Read the results of Python's `Metric.to_json()`. */
export function readMetrics(value: unknown): Metric[] {
  return asRecords(value).map((raw) => ({
    name: asText(raw["name"]),
    text: asText(raw["text"], MAX_SENTENCE_CHARS),
    lines: asRecords(raw["lines"]).map(({ name, points, is_bold }) => ({
      name: asText(name),
      points: asPoints(points),
      isBold: is_bold === true,
    })),
    hiddenSites: asNumber(raw["hidden_sites"]) ?? 0,
    best: asPoint(raw["best"]),
    stride: asNumber(raw["stride"]) ?? 1,
    xLabel: asText(raw["x_label"]) || "round",
    note: asText(raw["note"], MAX_SENTENCE_CHARS),
    hasChart: raw["has_chart"] === true,
    scale: readScale(raw["scale"]),
    logScale: readScale(raw["log_scale"]),
  }));
}
