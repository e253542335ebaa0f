/** The list of the server and the sites, in expandable rows. */
import { h, setText, setVisible } from "../../core/dom";
import { severityAt, textAt } from "../../core/live-text";
import type { SystemViewState } from "../view-model";
import { createRow, type RowPart, type RowState } from "./row";

/** Number of sites that are shown, those with problems first; the rest are shown on request. */
export const MAX_ROWS = 24;

export interface Rows {
  readonly element: HTMLElement;
  draw(state: SystemViewState, now: number): void;
}

export interface RowsOptions {
  /** Called when a row is expanded for the first time, or details are requested again. */
  readonly requestDetails: () => void;
  /** Called when a row is expanded. */
  readonly onOpen: (name: string) => void;
  /** Return the action bar of a site, or of the server, by name. */
  readonly controls: (name: string) => HTMLElement | undefined;
}

export function createRows({ requestDetails, onOpen, controls }: RowsOptions): Rows {
  const list = h("ul", { class: "flw-rows", role: "list", "aria-label": "server and sites" });
  const restButton = h("button", { class: "flw-button flw-rest", type: "button" });
  const emptyText = h("p", { class: "flw-none" });
  const element = h("div", {}, list, emptyText, restButton);
  const lines = new Map<string, RowPart>();
  let showAll = false;
  let latest: (() => void) | undefined;

  restButton.addEventListener("click", () => {
    showAll = !showAll;
    latest?.();
  });

  function draw(state: SystemViewState, now: number): void {
    latest = () => draw(state, now);
    const { system } = state;
    const selection = selectRows(rowStates(state, now), showAll);
    // A site may be named like the server.
    const keyOf = ({ row }: RowState): string => `${row === system.rows[0] ? "server" : "site"} ${row.name}`;
    const keys = new Set(selection.shown.map(keyOf));
    for (const [key, line] of lines) {
      if (!keys.has(key)) {
        lines.delete(key);
        line.element.remove();
      }
    }
    selection.shown.forEach((rowState, index) => {
      const { name } = rowState.row;
      let line = lines.get(keyOf(rowState));
      if (!line) {
        line = createRow({ requestDetails, onOpen: () => onOpen(name), controls: () => controls(name) });
        lines.set(keyOf(rowState), line);
      }
      line.draw(rowState, system, now);
      // Move the row only if it is elsewhere: moving an element takes the focus from it.
      if (list.children[index] !== line.element) list.insertBefore(line.element, list.children[index] ?? null);
    });
    setVisible(emptyText, system.noSites !== "");
    setText(emptyText, system.noSites);
    setVisible(restButton, selection.rest > 0 || (showAll && lines.size > MAX_ROWS + 1));
    setText(restButton, selection.rest > 0 ? `Show ${selection.rest} more sites` : "Show fewer");
  }

  return { element, draw };
}

/** Return the rows to draw: all by name, or if there are too many, those with problems first. */
export function selectRows(found: readonly RowState[], showAll: boolean): { shown: readonly RowState[]; rest: number } {
  const [server, ...sites] = found;
  if (!server || showAll || sites.length <= MAX_ROWS) return { shown: found, rest: 0 };
  const urgency = { bad: 0, warn: 1, unknown: 2, good: 3 } as const;
  const shown = [...sites].sort((a, b) => urgency[a.severity] - urgency[b.severity]).slice(0, MAX_ROWS);
  return { shown: [server, ...shown], rest: sites.length - MAX_ROWS };
}

function rowStates({ system, kernelProblem, confirmedAt }: SystemViewState, now: number): RowState[] {
  return system.rows.map((row, index) => {
    const state = kernelProblem ? row.stateWhenLost : row.state;
    const at = index ? Math.min(now, confirmedAt) : now;
    const lastSeen = kernelProblem ? "" : textAt(row.lastSeen, now);
    return { row, severity: severityAt(state, at), text: textAt(state, at), lastSeen };
  });
}
