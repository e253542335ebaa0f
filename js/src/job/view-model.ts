/** The view model of a job: the front-end half of flare_widgets/views/job/view_model.py. */

import { type LiveText, readLiveText, readLiveTexts } from "../core/live-text";
import { type StatusCategory, toStatusCategory } from "../core/status";
import { asNumber, asRecord, asRecords, asText, asTexts, readOnce } from "../core/validate";

export interface Step {
  readonly label: string;
  readonly phase: "passed" | "current" | "ahead";
  /** Time of the step; null if it was not observed, or is still ahead. */
  readonly at: number | null;
  readonly isExact: boolean;
}

export interface SiteDeployment {
  readonly name: string;
  readonly state: "waiting" | "deployed" | "failed";
  readonly detail: string;
}

export interface Progress {
  readonly text: string;
  readonly fraction: number | null;
  readonly timeLeft: LiveText;
}

/** The heading of a round or a step. */
export interface MatrixColumn {
  readonly label: string;
  /** The text before the label for screen readers. */
  readonly prefix: string;
  readonly title: string;
}

/** The heading of the columns of one workflow. */
export interface MatrixWorkflow {
  readonly label: string;
  readonly title: string;
  readonly span: number;
}

export interface MatrixRow {
  readonly site: string;
  /** The name, shortened if it is long. */
  readonly label: string;
  /** A letter of the legend for each column. */
  readonly cells: string;
  readonly activity: LiveText;
}

export interface CellState {
  readonly glyph: string;
  readonly label: string;
}

export interface Matrix {
  readonly columns: readonly MatrixColumn[];
  /** Empty if there is only one. */
  readonly workflows: readonly MatrixWorkflow[];
  readonly rows: readonly MatrixRow[];
  /** The number of sites in each state; empty if there are few. */
  readonly summary: LiveText;
  /** The number of rows that are shown while the others are folded: the first ones. */
  readonly openCount: number;
  /** A letter of the legend for each column of the job, shown or not: the worst state of all sites. */
  readonly strip: string;
  /** The number of columns before the first one shown. */
  readonly stripStart: number;
  readonly rest: string;
  /** The number of columns for which a narrow output has room: the last ones. */
  readonly narrowCount: number;
  readonly legend: Readonly<Record<string, CellState>>;
}

export interface FailureCard {
  readonly summary: string;
  readonly location: string;
  readonly code: string;
  readonly nextStep: string;
  readonly unavailable: readonly string[];
  readonly logTitle: string;
  readonly logLines: readonly string[];
  /** The participant whose log to open at the last of these lines; empty for none. */
  readonly logTarget: string;
}

export interface Detail {
  readonly term: string;
  readonly text: LiveText;
  readonly updatedAt: number | null;
}

export interface JobViewModel {
  readonly jobId: string;
  readonly name: string;
  readonly status: string;
  readonly category: StatusCategory;
  readonly hasEnded: boolean;
  readonly endedAt: number | null;
  readonly updatedAt: number | null;
  readonly connectionProblem: string;
  readonly connectionLabel: string;
  readonly lastKnown: LiveText;
  readonly freshness: LiveText;
  readonly elapsed: LiveText;
  readonly elapsedWhenLost: LiveText;
  readonly facts: readonly string[];
  readonly steps: readonly Step[];
  readonly sites: readonly SiteDeployment[];
  readonly noSites: string;
  readonly logTargets: readonly string[];
  readonly progress: Progress | null;
  readonly matrix: Matrix | null;
  readonly failure: FailureCard | null;
  readonly troubles: readonly LiveText[];
  readonly silence: LiveText;
  readonly missingNotes: readonly string[];
  readonly untoldNotes: readonly string[];
  /** A sentence on which metrics are live; empty if there is no need. */
  readonly liveMetrics: string;
  /** True if a chart will be drawn while the job runs. */
  readonly expectsMetrics: boolean;
  readonly details: readonly Detail[];
}

const MAX_SENTENCE_CHARS = 1000;
const MAX_STEPS = 20;
/** As many as a snapshot has rounds and steps. */
const MAX_STRIP_CHARS = 20_000;

/** Read the result of Python's `JobViewModel.to_json()`; every text in the result is printable and bounded. */
export function readViewModel(value: unknown): JobViewModel {
  const raw = asRecord(value);
  return {
    jobId: asText(raw["job_id"]),
    name: asText(raw["name"]),
    status: asText(raw["status"]),
    category: toStatusCategory(raw["category"]),
    hasEnded: raw["has_ended"] === true,
    endedAt: asNumber(raw["ended_at"]),
    updatedAt: asNumber(raw["updated_at"]),
    connectionProblem: asText(raw["connection_problem"]),
    connectionLabel: asText(raw["connection_label"]),
    lastKnown: readLiveText(raw["last_known"]),
    freshness: readLiveText(raw["freshness"]),
    elapsed: readLiveText(raw["elapsed"]),
    elapsedWhenLost: readLiveText(raw["elapsed_when_lost"]),
    facts: asTexts(raw["facts"]),
    steps: asRecords(raw["steps"])
      .slice(0, MAX_STEPS)
      .map(({ label, phase, at, is_exact }) => ({
        label: asText(label),
        phase: phase === "current" || phase === "ahead" ? phase : "passed",
        at: asNumber(at),
        isExact: is_exact === true,
      })),
    sites: asRecords(raw["sites"]).map(({ name, state, detail }) => ({
      name: asText(name),
      state: state === "deployed" || state === "failed" ? state : "waiting",
      detail: asText(detail),
    })),
    noSites: asText(raw["no_sites"]),
    logTargets: asTexts(raw["log_targets"]),
    progress: raw["progress"] ? readProgress(asRecord(raw["progress"])) : null,
    matrix: raw["matrix"] ? readMatrix(asRecord(raw["matrix"])) : null,
    failure: raw["failure"] ? readFailure(asRecord(raw["failure"])) : null,
    troubles: readLiveTexts(raw["troubles"]),
    silence: readLiveText(raw["silence"]),
    missingNotes: sentences(raw["missing_notes"]),
    untoldNotes: sentences(raw["untold_notes"]),
    liveMetrics: asText(raw["live_metrics"], MAX_SENTENCE_CHARS),
    expectsMetrics: raw["expects_metrics"] === true,
    details: asRecords(raw["details"]).map(({ term, text, updated_at }) => ({
      term: asText(term),
      text: readLiveText(text),
      updatedAt: asNumber(updated_at),
    })),
  };
}

function readProgress(raw: Record<string, unknown>): Progress {
  const fraction = asNumber(raw["fraction"]);
  return {
    text: asText(raw["text"]),
    fraction: fraction === null ? null : Math.min(1, Math.max(0, fraction)),
    timeLeft: readLiveText(raw["time_left"]),
  };
}

function readMatrix(raw: Record<string, unknown>): Matrix {
  const columns = asRecords(raw["columns"]).map(({ label, prefix, title }) => ({
    label: asText(label),
    prefix: asText(prefix),
    title: asText(title),
  }));
  const waiting = readLiveText(raw["waiting"]);
  const idle = asText(raw["idle"], 1) || " ";
  const earlier = Math.max(0, asNumber(raw["earlier"]) ?? 0);
  const legend = Object.entries(asRecord(raw["legend"])).map(([code, state]) => {
    const [glyph = "", label = ""] = asTexts(state);
    return [code, { glyph, label }] as const;
  });
  return {
    columns,
    workflows: asRecords(raw["workflows"]).map(({ label, title, span }) => ({
      label: asText(label),
      title: asText(title),
      span: Math.min(Math.max(1, Math.floor(asNumber(span) ?? 1)), Math.max(1, columns.length)),
    })),
    rows: (Array.isArray(raw["rows"]) ? raw["rows"] : []).map((row) => {
      const { cells, activity, ...names } = readRow(row);
      return { ...names, cells: fillCells(cells, earlier, columns.length, idle), activity: activity ?? waiting };
    }),
    summary: readLiveText(raw["summary"]),
    openCount: asNumber(raw["open_count"]) ?? 0,
    strip: asText(raw["strip"], MAX_STRIP_CHARS),
    stripStart: asNumber(raw["strip_start"]) ?? 0,
    rest: asText(raw["rest"]),
    narrowCount: asNumber(raw["narrow_count"]) ?? columns.length,
    legend: Object.fromEntries(legend),
  };
}

/** Read a row; that of a site that has done nothing is the same object as before, and is not read again. */
const readRow = readOnce((row) => {
  const [site, cells, activity, label] = Array.isArray(row) ? row : [];
  return {
    site: asText(site),
    label: asText(label) || asText(site),
    cells: asText(cells, MAX_STRIP_CHARS),
    activity: activity === null ? null : readLiveText(activity),
  };
});

/** Return the cells of a row in the columns shown: after a site's last task they are blank, and the last one is idle. */
function fillCells(cells: string, earlier: number, count: number, idle: string): string {
  const end = earlier + count;
  return (cells.length < end ? cells.padEnd(end - 1) + idle : cells).slice(earlier, end);
}

function readFailure(raw: Record<string, unknown>): FailureCard {
  return {
    summary: asText(raw["summary"], MAX_SENTENCE_CHARS),
    location: asText(raw["location"], MAX_SENTENCE_CHARS),
    code: asText(raw["code"], MAX_SENTENCE_CHARS),
    nextStep: asText(raw["next_step"], MAX_SENTENCE_CHARS),
    unavailable: sentences(raw["unavailable"]),
    logTitle: asText(raw["log_title"]),
    logLines: sentences(raw["log_lines"]),
    logTarget: asText(raw["log_target"]),
  };
}

function sentences(value: unknown): string[] {
  return asTexts(value, MAX_SENTENCE_CHARS);
}
