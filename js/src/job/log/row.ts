/** A row of the log: a line in columns with colours and highlighted matches, a day, or a fold. */
import { h, setText } from "../../core/dom";
import { sanitize } from "../../core/text";
import type { RowRenderer } from "../../core/virtual-list";
import { parseRuns, type StyledRun } from "./ansi";
import type { DayRow, FoldRow, Level, Line, Row } from "./buffer";

/** A sign per level, so that levels do not depend on colour alone. */
export const SIGNS: Readonly<Record<Level, string>> = { error: "✕", warning: "!", info: "", debug: "·" };
const LEVEL_WORDS: Readonly<Record<Level, string>> = {
  error: "error",
  warning: "warning",
  info: "info",
  debug: "debug",
};

const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeZone: "UTC" });

export interface ShownLine extends Line {
  readonly level: Level;
  /** The line is of the user's own code. */
  readonly isOwn: boolean;
  readonly query: string;
  /** The line has the current match. */
  readonly isCurrent: boolean;
  readonly isSelected: boolean;
}

export interface LogRowOptions {
  readonly factsOf: (line: number) => ShownLine;
  /** Owner of the log, by whose clock its times are. */
  readonly owner: () => string;
  /** Handle a click on a fold. */
  readonly onUnfold: (row: FoldRow) => void;
}

export function createLogRow({ factsOf, owner, onUnfold }: LogRowOptions): RowRenderer<Row> {
  const time = h("span", { class: "flw-log-time" });
  const sign = h("span", { class: "flw-log-sign", "aria-hidden": "true" });
  const level = h("span", { class: "flw-log-level-name" });
  const source = h("span", { class: "flw-log-source" });
  const text = h("span", { class: "flw-log-text" });
  const columns = h("span", { class: "flw-log-columns" }, time, source, sign, level);
  const element = h("div", { class: "flw-log-line" }, columns, text);
  let drawn = "";
  let fold: FoldRow | null = null;
  element.addEventListener("click", () => {
    if (fold) onUnfold(fold);
  });

  function drawLine(number: number, facts: ShownLine): void {
    const { query } = facts;
    element.dataset["level"] = facts.level;
    element.classList.toggle("flw-log-own", facts.isOwn);
    element.classList.toggle("flw-log-further", facts.time === "");
    setText(time, sanitize(facts.time.slice(11, 19), 8));
    const isHead = facts.time !== "" || facts.levelName !== "";
    setText(sign, isHead ? SIGNS[facts.level] : "");
    setText(level, isHead ? LEVEL_WORDS[facts.level] : "");
    source.replaceChildren(...highlightMatches(parseRuns(facts.source), query).map(renderRun));
    text.replaceChildren(...highlightMatches(parseRuns(facts.text), query).map(renderRun));
    columns.title = describeLine(number, facts, owner());
  }

  function drawOther(row: DayRow | FoldRow): void {
    delete element.dataset["level"];
    element.classList.remove("flw-log-own", "flw-log-further");
    for (const part of [time, sign, level, source]) setText(part, "");
    columns.title = "";
    if (row.kind === "day") text.replaceChildren(`${formatDay(row.day)}, by the clock of ${sanitize(owner(), 60)}`);
    else text.replaceChildren(`▸ ${countLines(row.count)} about connections`);
  }

  return {
    element,
    draw(row, { isActive }) {
      const isLine = typeof row === "number";
      fold = !isLine && row.kind === "fold" ? row : null;
      element.classList.toggle("flw-log-day", !isLine && row.kind === "day");
      element.classList.toggle("flw-log-fold-row", fold !== null);
      const facts = isLine ? factsOf(row) : null;
      element.classList.toggle("flw-log-current", facts?.isCurrent === true);
      element.classList.toggle("flw-log-selected", facts?.isSelected === true);
      element.setAttribute("aria-selected", String(facts?.isSelected === true || isActive));
      const key = facts
        ? `${String(row)}\n${facts.query}\n${facts.level}\n${facts.time}\n${facts.source}\n${facts.text}`
        : JSON.stringify([row, owner()]);
      if (key === drawn) return;
      drawn = key;
      if (facts) drawLine(row as number, facts);
      else drawOther(row as DayRow | FoldRow);
    },
  };
}

/** Return what the columns leave out: the whole time, the source, and FLARE's context, an entry a line. */
function describeLine(number: number, { time, source, levelName, context }: ShownLine, owner: string): string {
  const facts = [
    time && `${sanitize(time, 40)}, by the clock of ${sanitize(owner, 60)}`,
    `line ${number}`,
    sanitize([levelName, source].filter(Boolean).join(" · "), 200),
    ...context
      .slice(0, 2000)
      .split(", ")
      .map((entry) => sanitize(entry, 300)),
  ];
  return facts.filter(Boolean).join("\n");
}

function formatDay(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? sanitize(day, 10) : dayFormat.format(date);
}

export function countLines(count: number): string {
  return `${count.toLocaleString()} ${count === 1 ? "line" : "lines"}`;
}

interface HighlightedRun extends StyledRun {
  readonly isMatch: boolean;
}
/** Split runs at the boundaries of matches. */
export function highlightMatches(all: readonly StyledRun[], query: string): HighlightedRun[] {
  const whole = all.map(({ text }) => text).join("");
  const low = whole.toLowerCase();
  // A few letters change their length with their case: highlight nothing rather than the wrong letters.
  if (!query || low.length !== whole.length) return all.map((run) => ({ ...run, isMatch: false }));
  const edges: number[] = [];
  for (let at = low.indexOf(query); at >= 0; at = low.indexOf(query, at + query.length))
    edges.push(at, at + query.length);
  const parts: HighlightedRun[] = [];
  let at = 0;
  let next = 0;
  for (const { text, style } of all) {
    const end = at + text.length;
    let from = at;
    while (from < end) {
      while (next < edges.length && (edges[next] ?? 0) <= from) next++;
      const to = Math.min(end, edges[next] ?? end);
      parts.push({ text: text.slice(from - at, to - at), style, isMatch: next % 2 === 1 });
      from = to;
    }
    at = end;
  }
  return parts;
}

function renderRun({ text, style, isMatch }: HighlightedRun): Node {
  const attributes = style ? { class: style } : {};
  if (isMatch) return h("mark", attributes, text);
  return style ? h("span", attributes, text) : document.createTextNode(text);
}
