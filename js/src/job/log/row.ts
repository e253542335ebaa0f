/** A line of the log: its number, a sign for its level, and its text with colours and highlighted matches. */
import { h, setText } from "../../core/dom";
import type { RowRenderer } from "../../core/virtual-list";
import { parseRuns, type StyledRun } from "./ansi";
import type { Level } from "./buffer";

/** A sign per level, so that levels do not depend on colour alone. */
export const SIGNS: Readonly<Record<Level, string>> = { error: "✕", warning: "!", info: "", debug: "·" };

export interface LogLine {
  readonly level: Level;
  readonly text: string;
  readonly query: string;
  /** The line has the current match. */
  readonly isCurrent: boolean;
  readonly isSelected: boolean;
}

export function createLogRow(factsOf: (line: number) => LogLine): RowRenderer<number> {
  const number = h("span", { class: "flw-log-number", "aria-hidden": "true" });
  const sign = h("span", { class: "flw-log-sign", "aria-hidden": "true" });
  const level = h("span", { class: "flw-spoken" });
  const text = h("span", { class: "flw-log-text" });
  const element = h("div", { class: "flw-log-line" }, number, sign, level, text);
  let drawn = "";
  return {
    element,
    draw(line, { isActive }) {
      const facts = factsOf(line);
      const { level: grade, text: raw, query, isCurrent, isSelected } = facts;
      element.classList.toggle("flw-log-current", isCurrent);
      element.classList.toggle("flw-log-selected", isSelected);
      element.setAttribute("aria-selected", String(isSelected || isActive));
      const key = `${line}\n${grade}\n${query}\n${raw}`;
      if (key === drawn) return;
      drawn = key;
      element.dataset["level"] = grade;
      setText(number, String(line));
      setText(sign, SIGNS[grade]);
      setText(level, grade === "error" || grade === "warning" ? `${grade}: ` : "");
      text.replaceChildren(...highlightMatches(parseRuns(raw), query).map(renderRun));
    },
  };
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
