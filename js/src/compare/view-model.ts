/** The metrics of the compared jobs: the front-end half of flare_widgets/views/compare/view_model.py. */
import { readScale, type Scale } from "../core/scale";
import { asPoint, asPoints, asRecords, asText } from "../core/validate";

export interface Metric {
  readonly name: string;
  /** The better direction; empty if it is unknown. */
  readonly direction: "max" | "min" | "";
  /** One line per job, in the order of the jobs; empty for a job without this metric. */
  readonly lines: readonly (readonly (readonly [round: number, value: number])[])[];
  readonly best: readonly [round: number, value: number] | null;
  readonly scale: Scale | null;
}

export function readMetrics(value: unknown): Metric[] {
  return asRecords(value).map((raw) => ({
    name: asText(raw["name"]),
    direction: raw["direction"] === "max" || raw["direction"] === "min" ? raw["direction"] : "",
    lines: Array.isArray(raw["lines"]) ? raw["lines"].map(asPoints) : [],
    best: asPoint(raw["best"]),
    scale: readScale(raw["scale"]),
  }));
}
