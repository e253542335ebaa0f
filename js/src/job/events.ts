/** The events of a job: the front-end half of flare_widgets/views/job/events.py. */
import { asNumber, asRecord, asRecords, asText } from "../core/validate";

export interface JobEvent {
  readonly at: number;
  readonly kind: "workflow" | "warning" | "error";
  readonly text: string;
  readonly site: string;
  readonly count: number;
}

export interface EventList {
  readonly title: string;
  readonly rows: readonly JobEvent[];
  readonly rest: string;
}

const MAX_TEXT_CHARS = 1000;

/** Read the result of Python's `EventList.to_json()`; every text in the result is printable and bounded. */
export function readEvents(value: unknown): EventList {
  const raw = asRecord(value);
  return {
    title: asText(raw["title"]) || "Events",
    rows: asRecords(raw["rows"]).map(({ at, kind, text, site, count }) => ({
      at: asNumber(at) ?? 0,
      kind: kind === "warning" || kind === "error" ? kind : "workflow",
      text: asText(text, MAX_TEXT_CHARS),
      site: asText(site),
      count: asNumber(count) ?? 1,
    })),
    rest: asText(raw["rest"]),
  };
}
