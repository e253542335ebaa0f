/** A result's contents: the front-end half of flare_widgets/views/results/view_model.py. */
import { asNumber, asRecord, asRecords, asText, asTexts } from "../core/validate";

export interface ModelRow {
  readonly name: string;
  readonly facts: string;
  readonly content: string;
  /** The line of Python that loads it; empty if unknown, or if its file is not on the kernel's machine. */
  readonly loadLine: string;
  readonly warning: string;
  /** The action that downloads its file; empty if there is none. */
  readonly action: string;
}

/** A bar: left edge, width and height, each from 0 to 1, and its values in words. */
export type Bar = readonly [left: number, width: number, height: number, words: string];

export interface HistogramPicture {
  readonly label: string;
  readonly low: number;
  readonly high: number;
  readonly bars: readonly Bar[];
}

export interface FeatureHistograms {
  readonly feature: string;
  readonly histograms: readonly HistogramPicture[];
  readonly rest: string;
}

export interface FileNode {
  readonly name: string;
  readonly size: string;
  readonly kind: string;
  /** Its content, if it is unfolded. */
  readonly text: string;
  /** The action that downloads it; empty if there is none. */
  readonly action: string;
}

export interface FolderNode {
  readonly name: string;
  readonly summary: string;
  readonly folders: readonly FolderNode[];
  readonly files: readonly FileNode[];
}

export interface Contents {
  readonly arguments: readonly string[];
  readonly reason: string;
  readonly notes: readonly string[];
  readonly models: readonly ModelRow[];
  readonly histograms: readonly FeatureHistograms[];
  readonly moreFeatures: number;
  readonly tree: FolderNode;
}

const MAX_SENTENCE_CHARS = 1000;
const MAX_TEXT_LINES = 500;
/** Levels of folders that are drawn, as many as the kernel sends. */
const MAX_DEPTH = 10;

/** Read the results of Python's `result_to_json` or `listing_to_json`. */
export function readContents(value: unknown): Contents {
  const raw = asRecord(value);
  return {
    arguments: asTexts(raw["arguments"]),
    reason: asText(raw["reason"], MAX_SENTENCE_CHARS),
    notes: asTexts(raw["notes"], MAX_SENTENCE_CHARS),
    models: asRecords(raw["models"]).map((model) => ({
      name: asText(model["name"], 300),
      facts: asText(model["facts"]),
      content: asText(model["content"], MAX_SENTENCE_CHARS),
      loadLine: asText(model["load_line"], MAX_SENTENCE_CHARS),
      warning: asText(model["warning"]),
      action: asText(model["action"], 500),
    })),
    histograms: asRecords(raw["histograms"]).map((feature) => ({
      feature: asText(feature["feature"]),
      histograms: asRecords(feature["histograms"]).map(readHistogram),
      rest: asText(feature["rest"]),
    })),
    moreFeatures: asNumber(raw["more_features"]) ?? 0,
    tree: readFolder(raw["tree"], 0),
  };
}

function readHistogram(raw: Readonly<Record<string, unknown>>): HistogramPicture {
  const bars = Array.isArray(raw["bars"]) ? raw["bars"] : [];
  return {
    label: asText(raw["label"]),
    low: asNumber(raw["low"]) ?? 0,
    high: asNumber(raw["high"]) ?? 0,
    bars: bars.flatMap((bar: unknown) => {
      const [left, width, height] = Array.isArray(bar) ? bar.map(asNumber) : [];
      return left == null || width == null || height == null
        ? []
        : [[left, width, height, asText((bar as unknown[])[3])] as const];
    }),
  };
}

function readFolder(value: unknown, depth: number): FolderNode {
  const raw = asRecord(value);
  return {
    name: asText(raw["name"]),
    summary: asText(raw["summary"]),
    folders: depth < MAX_DEPTH ? asRecords(raw["folders"]).map((folder) => readFolder(folder, depth + 1)) : [],
    files: asRecords(raw["files"]).map((file) => ({
      name: asText(file["name"], 300),
      size: asText(file["size"]),
      kind: asText(file["kind"]),
      text: readLines(file["text"]),
      action: asText(file["action"], 500),
    })),
  };
}

/** Read a text of several lines, each of which is made safe to show. */
function readLines(value: unknown): string {
  if (typeof value !== "string") return "";
  return asTexts(value.split("\n").slice(0, MAX_TEXT_LINES), MAX_SENTENCE_CHARS).join("\n");
}
