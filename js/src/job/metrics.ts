/** A job's metrics by round and by step: the front-end half of flare_widgets/views/job/metrics.py. */
import type { ChartBand } from "../core/chart";
import { readScale, type Scale } from "../core/scale";
import { asNumber, asPoint, asPoints, asRecord, asText, readOnce } from "../core/validate";

export interface MetricLine {
  readonly name: string;
  /** The name, shortened if it is long. */
  readonly label: string;
  readonly points: readonly (readonly [x: number, value: number])[];
  readonly isBold: boolean;
  /** Not drawn until the reader asks for it. */
  readonly isOptional: boolean;
}

export interface Metric {
  readonly name: string;
  readonly text: string;
  readonly lines: readonly MetricLine[];
  /** The range of the sites, if they are too many for a line each. */
  readonly band: ChartBand | undefined;
  readonly hiddenSites: number;
  readonly best: readonly [x: number, value: number] | null;
  readonly stride: number;
  /** `round` or `step`. */
  readonly xLabel: string;
  /** Where the axis begins, with or without a value. */
  readonly firstX: number | undefined;
  /** A sentence about the metric; empty if there is nothing to say. */
  readonly note: string;
  readonly hasChart: boolean;
  readonly scale: Scale | null;
  /** Null if no value is above 0. */
  readonly logScale: Scale | null;
}

const MAX_SENTENCE_CHARS = 1000;

/** Read the results of Python's `Metric.to_json()`; a metric that has not changed is the same object as before. */
export function readMetrics(value: unknown): Metric[] {
  return Array.isArray(value) ? value.map(readMetric) : [];
}

const readMetric = readOnce((value): Metric => {
  const raw = asRecord(value);
  return {
    name: asText(raw["name"]),
    text: asText(raw["text"], MAX_SENTENCE_CHARS),
    lines: Array.isArray(raw["lines"]) ? raw["lines"].map(readLine) : [],
    band: readBand(raw["band"], raw["band_label"]),
    hiddenSites: asNumber(raw["hidden_sites"]) ?? 0,
    best: asPoint(raw["best"]),
    stride: asNumber(raw["stride"]) ?? 1,
    xLabel: asText(raw["x_label"]) || "round",
    firstX: asNumber(raw["first_x"]) ?? undefined,
    note: asText(raw["note"], MAX_SENTENCE_CHARS),
    hasChart: raw["has_chart"] === true,
    scale: readScale(raw["scale"]),
    logScale: readScale(raw["log_scale"]),
  };
});

const readLine = readOnce((value): MetricLine => {
  const { name, label, points, is_bold, is_optional } = asRecord(value);
  return {
    name: asText(name),
    label: asText(label) || asText(name),
    points: asPoints(points),
    isBold: is_bold === true,
    isOptional: is_optional === true,
  };
});

function readBand(value: unknown, label: unknown): ChartBand | undefined {
  const points = (Array.isArray(value) ? value : []).flatMap((point) => {
    const [x, low, high] = Array.isArray(point) ? point.map(asNumber) : [];
    return x == null || low == null || high == null ? [] : [[x, low, high] as const];
  });
  return points.length ? { name: asText(label), points } : undefined;
}
