/** The metrics of the jobs: what `CompareView.metrics` says, read with care. */
import { asNumber, asPoints, asRecord, asRecords, asText } from "../core/validate";

export interface Metric {
  readonly name: string;
  /** Whether less is better. */
  readonly lowerIsBetter: boolean;
  /** By job, in their order; empty where a job has none. */
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
