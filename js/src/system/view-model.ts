/** The view model of the system: the front-end half of flare_widgets/views/system/view_model.py. */
import type { Action } from "../core/actions";
import { type LiveText, readLiveText, readLiveTexts } from "../core/live-text";
import { asNumber, asRecord, asRecords, asText } from "../core/validate";

/** The server, or a site. */
export interface Row {
  readonly name: string;
  readonly state: LiveText;
  /** Its state while the kernel does not answer: the last one known. */
  readonly stateWhenLost: LiveText;
  readonly jobs: string;
  readonly jobsTitle: string;
  readonly since: number | null;
  readonly sinceLabel: string;
  readonly lastSeen: LiveText;
  readonly lastSeenAt: number | null;
  readonly version: string;
  readonly resources: string;
}

export interface SystemViewModel {
  readonly address: string;
  readonly user: string;
  readonly study: string;
  readonly counts: LiveText;
  readonly state: LiveText;
  readonly freshness: LiveText;
  readonly updatedAt: number | null;
  readonly problems: readonly LiveText[];
  /** The server, then the sites. */
  readonly rows: readonly Row[];
  readonly noSites: string;
  readonly detailsAt: number | null;
  readonly detailsAge: LiveText;
  readonly unknownDetail: string;
}

const MAX_SENTENCE_CHARS = 500;

/** Read the result of Python's `SystemViewModel.to_json()`. */
export function readViewModel(value: unknown): SystemViewModel {
  const raw = asRecord(value);
  return {
    address: asText(raw["address"]),
    user: asText(raw["user"], MAX_SENTENCE_CHARS),
    study: asText(raw["study"]),
    counts: readLiveText(raw["counts"]),
    state: readLiveText(raw["state"]),
    freshness: readLiveText(raw["freshness"]),
    updatedAt: asNumber(raw["updated_at"]),
    problems: readLiveTexts(raw["problems"]),
    rows: asRecords(raw["rows"]).map((row) => ({
      name: asText(row["name"]),
      state: readLiveText(row["state"]),
      stateWhenLost: readLiveText(row["state_when_lost"]),
      jobs: asText(row["jobs"], MAX_SENTENCE_CHARS),
      jobsTitle: asText(row["jobs_title"], MAX_SENTENCE_CHARS),
      since: asNumber(row["since"]),
      sinceLabel: asText(row["since_label"]),
      lastSeen: readLiveText(row["last_seen"]),
      lastSeenAt: asNumber(row["last_seen_at"]),
      version: asText(row["version"]),
      resources: asText(row["resources"], 300),
    })),
    noSites: asText(raw["no_sites"]),
    detailsAt: asNumber(raw["details_at"]),
    detailsAge: readLiveText(raw["details_age"]),
    unknownDetail: asText(raw["unknown_detail"], MAX_SENTENCE_CHARS),
  };
}

/** What the view draws: the view model, and what is known beside it. */
export interface SystemViewState {
  readonly system: SystemViewModel;
  /** Reason why the kernel no longer answers; empty while it does. */
  readonly kernelProblem: string;
  /** The moment up to which the data is confirmed; infinite while the kernel answers. */
  readonly confirmedAt: number;
  /** The system in one sentence: the label for screen readers. */
  readonly label: string;
  /** The actions on each expanded row, by name. */
  readonly actions: ReadonlyMap<string, readonly Action[]>;
}
