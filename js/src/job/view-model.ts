/**
 * The view model of a job: the front-end half of flare_widgets/views/job/view_model.py, which composes its texts.
 * `readViewModel` validates it.
 */
import { asNumber, asRecord, asRecords, asText } from "../core/validate";

export interface Progress {
  readonly text: string;
  readonly fraction: number | null;
  readonly estimatedEndAt: number | null;
}

export interface MatrixRow {
  readonly site: string;
  readonly cells: string;
  readonly activity: string;
  readonly activeSince: number | null;
}

export interface Matrix {
  readonly rounds: readonly number[];
  readonly hiddenRounds: number;
  readonly rows: readonly MatrixRow[];
  readonly hiddenSites: number;
}

export interface FailureCard {
  readonly summary: string;
  readonly location: string;
  readonly code: string;
  readonly nextStep: string;
  readonly unavailable: readonly string[];
  readonly logTitle: string;
  readonly logLines: readonly string[];
}

export interface Detail {
  readonly term: string;
  readonly text: string;
  readonly updatedAt: number | null;
}

export interface JobViewModel {
  readonly progress: Progress | null;
  readonly matrix: Matrix | null;
  readonly failure: FailureCard | null;
  readonly problems: readonly string[];
  readonly missingNotes: readonly string[];
  readonly details: readonly Detail[];
}

/** The states of a matrix cell by letter, each with its glyph and label. */
export const CELL_STATES: Readonly<Record<string, { readonly glyph: string; readonly label: string }>> = {
  s: { glyph: "■", label: "submitted" },
  w: { glyph: "◐", label: "working" },
  l: { glyph: "!", label: "late" },
  f: { glyph: "✕", label: "failed" },
  u: { glyph: "□", label: "not finished" },
  q: { glyph: "·", label: "waiting" },
  " ": { glyph: "", label: "none" },
};

const MAX_SENTENCE_CHARS = 1000;

/** Read the result of Python's `JobViewModel.to_json()`. */
export function readViewModel(value: unknown): JobViewModel {
  const raw = asRecord(value);
  return {
    progress: raw["progress"] ? readProgress(asRecord(raw["progress"])) : null,
    matrix: raw["matrix"] ? readMatrix(asRecord(raw["matrix"])) : null,
    failure: raw["fault"] ? readFailure(asRecord(raw["fault"])) : null,
    problems: sentences(raw["troubles"]),
    missingNotes: sentences(raw["unknown"]),
    details: asRecords(raw["details"]).map(({ term, words, at }) => ({
      term: asText(term),
      text: asText(words, MAX_SENTENCE_CHARS),
      updatedAt: asNumber(at),
    })),
  };
}

function readProgress(raw: Record<string, unknown>): Progress {
  const done = asNumber(raw["done"]);
  return {
    text: asText(raw["words"]),
    fraction: done === null ? null : Math.min(1, Math.max(0, done)),
    estimatedEndAt: asNumber(raw["ends_at"]),
  };
}

function readMatrix(raw: Record<string, unknown>): Matrix {
  const rounds = Array.isArray(raw["rounds"]) ? raw["rounds"].map((round) => asNumber(round) ?? 0) : [];
  return {
    rounds,
    hiddenRounds: asNumber(raw["earlier"]) ?? 0,
    rows: asRecords(raw["rows"]).map(({ site, cells, words, since }) => ({
      site: asText(site),
      cells: asText(cells).slice(0, rounds.length),
      activity: asText(words, MAX_SENTENCE_CHARS),
      activeSince: asNumber(since),
    })),
    hiddenSites: asNumber(raw["more"]) ?? 0,
  };
}

function readFailure(raw: Record<string, unknown>): FailureCard {
  return {
    summary: asText(raw["sentence"], MAX_SENTENCE_CHARS),
    location: asText(raw["place"], MAX_SENTENCE_CHARS),
    code: asText(raw["code"], MAX_SENTENCE_CHARS),
    nextStep: asText(raw["next_step"], MAX_SENTENCE_CHARS),
    unavailable: sentences(raw["missing"]),
    logTitle: asText(raw["log_title"]),
    logLines: sentences(raw["log"]),
  };
}

function sentences(value: unknown): string[] {
  return Array.isArray(value) ? value.map((sentence) => asText(sentence, MAX_SENTENCE_CHARS)) : [];
}
