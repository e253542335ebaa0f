/** The metrics of the compared jobs: the front-end half of flare_widgets/views/compare/view_model.py. */
import { asNumber, asPoints, asRecord, asRecords, asText } from "../core/validate";

export interface Metric {
  readonly name: string;
  readonly lowerIsBetter: boolean;
  /** One line per job, in the order of the jobs; empty for a job without this metric. */
  readonly lines: readonly (readonly (readonly [round: number, value: number])[])[];
  readonly best: { readonly x: number; readonly y: number; readonly label: string } | undefined;
}

export function readMetrics(value: unknown): Metric[] {
  return asRecords(value).map((raw) => {
    const { x, y, words } = asRecord(raw["best"]);
    const [at, best] = [asNumber(x), asNumber(y)];
    return {
      name: asText(raw["metric"]),
      lowerIsBetter: raw["smaller"] === true,
      lines: Array.isArray(raw["lines"]) ? raw["lines"].map(asPoints) : [],
      best: at !== null && best !== null ? { x: at, y: best, label: asText(words) } : undefined,
    };
  });
}
