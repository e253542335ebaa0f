/**
 * What is drawn of a job beside its status and times: the TypeScript half of flare_widgets/views/job_picture.py,
 * whose words these are. `readPicture` is the only door.
 */
import { list, number, record, text } from "../core/validate";

export interface Progress {
  readonly words: string;
  readonly done: number | null;
  readonly endsAt: number | null;
}

export interface Row {
  readonly site: string;
  readonly cells: string;
  readonly words: string;
  readonly since: number | null;
}

export interface Matrix {
  readonly rounds: readonly number[];
  readonly earlier: number;
  readonly rows: readonly Row[];
  readonly more: number;
}

export interface Fault {
  readonly sentence: string;
  readonly place: string;
  readonly code: string;
  readonly nextStep: string;
  readonly missing: readonly string[];
  readonly logTitle: string;
  readonly log: readonly string[];
}

export interface Detail {
  readonly term: string;
  readonly words: string;
  readonly at: number | null;
}

export interface JobPicture {
  readonly progress: Progress | null;
  readonly matrix: Matrix | null;
  readonly fault: Fault | null;
  readonly troubles: readonly string[];
  readonly unknown: readonly string[];
  readonly details: readonly Detail[];
}

/** The states of a cell: its letter, what is drawn, and what it is called. */
export const CELLS: Readonly<Record<string, { readonly glyph: string; readonly words: string }>> = {
  s: { glyph: "■", words: "submitted" },
  w: { glyph: "◐", words: "working" },
  l: { glyph: "!", words: "late" },
  f: { glyph: "✕", words: "failed" },
  u: { glyph: "□", words: "not finished" },
  q: { glyph: "·", words: "waiting" },
  " ": { glyph: "", words: "none" },
};

const SENTENCE = 1000;

/** Read what `JobPicture.to_json()` wrote. */
export function readPicture(value: unknown): JobPicture {
  const raw = record(value);
  return {
    progress: raw["progress"] ? readProgress(record(raw["progress"])) : null,
    matrix: raw["matrix"] ? readMatrix(record(raw["matrix"])) : null,
    fault: raw["fault"] ? readFault(record(raw["fault"])) : null,
    troubles: sentences(raw["troubles"]),
    unknown: sentences(raw["unknown"]),
    details: list(raw["details"]).map(({ term, words, at }) => ({
      term: text(term),
      words: text(words, SENTENCE),
      at: number(at),
    })),
  };
}

function readProgress(raw: Record<string, unknown>): Progress {
  const done = number(raw["done"]);
  return {
    words: text(raw["words"]),
    done: done === null ? null : Math.min(1, Math.max(0, done)),
    endsAt: number(raw["ends_at"]),
  };
}

function readMatrix(raw: Record<string, unknown>): Matrix {
  const rounds = Array.isArray(raw["rounds"]) ? raw["rounds"].map((round) => number(round) ?? 0) : [];
  return {
    rounds,
    earlier: number(raw["earlier"]) ?? 0,
    rows: list(raw["rows"]).map(({ site, cells, words, since }) => ({
      site: text(site),
      cells: text(cells).slice(0, rounds.length),
      words: text(words, SENTENCE),
      since: number(since),
    })),
    more: number(raw["more"]) ?? 0,
  };
}

function readFault(raw: Record<string, unknown>): Fault {
  return {
    sentence: text(raw["sentence"], SENTENCE),
    place: text(raw["place"], SENTENCE),
    code: text(raw["code"], SENTENCE),
    nextStep: text(raw["next_step"], SENTENCE),
    missing: sentences(raw["missing"]),
    logTitle: text(raw["log_title"]),
    log: sentences(raw["log"]),
  };
}

function sentences(value: unknown): string[] {
  return Array.isArray(value) ? value.map((sentence) => text(sentence, SENTENCE)) : [];
}
