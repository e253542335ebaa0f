/** The list of the server and the sites, in expandable rows. */
import { h, setText, setVisible } from "../../core/dom";
import { serverState, siteState } from "../format";
import type { SystemSnapshot } from "../snapshot";
import { createRow, type Row, type RowState } from "./row";

/** Number of sites that are shown, those with problems first; the rest are shown on request. */
export const MAX_ROWS = 24;

export interface Rows {
  readonly element: HTMLElement;
  draw(system: SystemSnapshot, now: number): void;
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
  const lines = new Map<string, Row>();
  let showAll = false;
  let latest: (() => void) | undefined;

  restButton.addEventListener("click", () => {
    showAll = !showAll;
    latest?.();
  });

  function draw(system: SystemSnapshot, now: number): void {
    latest = () => draw(system, now);
    const selection = selectRows(rowStates(system, now), showAll);
    for (const [name, line] of lines) {
      if (!selection.shown.some((wanted) => wanted.key === name)) {
        lines.delete(name);
        line.element.remove();
      }
    }
    selection.shown.forEach((rowState, index) => {
      let line = lines.get(rowState.key);
      if (!line) {
        line = createRow(rowState.key, {
          requestDetails,
          onOpen: () => onOpen(rowState.name),
          controls: () => controls(rowState.name),
        });
        lines.set(rowState.key, line);
      }
      line.draw(rowState, now);
      // Move the row only if it is elsewhere: moving an element takes the focus from it.
      if (list.children[index] !== line.element) list.insertBefore(line.element, list.children[index] ?? null);
    });
    setVisible(emptyText, system.updatedAt !== null && system.sites.length === 0);
    setText(emptyText, "No site is connected. Start a site with its startup kit; it appears here by itself.");
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
  const shown = [...sites].sort((a, b) => urgency[a.state.severity] - urgency[b.state.severity]).slice(0, MAX_ROWS);
  return { shown: [server, ...shown], rest: sites.length - MAX_ROWS };
}

function rowStates(system: SystemSnapshot, now: number): RowState[] {
  const isStale = system.connectionProblem !== "";
  // Times stop at the last confirmed data while the connection is lost.
  const confirmedNow = isStale && system.updatedAt !== null ? system.updatedAt : now;
  const details = { detailsAt: system.detailsAt, detailsMissing: system.detailsMissing };
  const jobsUnknownReason = system.missing.find(([group]) => group === "jobs of sites")?.[1] ?? "";
  return [
    {
      key: "server ",
      name: "server",
      state: serverState(system, now),
      isStale: false,
      lastSeen: null,
      since: system.startedAt,
      sinceLabel: "up since",
      jobs: system.jobs,
      jobsUnknownReason: "",
      version: system.version,
      resources: system.resources,
      ...details,
    },
    ...system.sites.map((site) => ({
      key: `site ${site.name}`,
      name: site.name,
      state: siteState(site, confirmedNow),
      isStale,
      lastSeen: site.isConnected ? site.lastSeen : null,
      since: site.since,
      sinceLabel: "connected since",
      jobs: site.jobs,
      jobsUnknownReason: site.isConnected ? jobsUnknownReason : "",
      version: site.version,
      resources: site.resources,
      ...details,
    })),
  ];
}
