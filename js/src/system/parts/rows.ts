/** The server and the sites, a line each, which unfold. */
import { h, setText, show } from "../../core/dom";
import type { SystemSnapshot } from "../snapshot";
import { serverState, siteState } from "../format";
import { type Row, type RowFacts, row } from "./row";

/** More lines than these are a wall: those in trouble are shown, and the others when asked for. */
export const MOST_ROWS = 24;

export interface Rows {
  readonly element: HTMLElement;
  draw(system: SystemSnapshot, now: number): void;
}

export interface RowsOptions {
  /** Somebody unfolds a line for the first time, or asks again. */
  readonly askDetails: () => void;
  /** A line was unfolded. */
  readonly unfolded: (name: string) => void;
  /** The place for what can be done to one of them, by name; `server` is the server's. */
  readonly controls: (name: string) => HTMLElement | undefined;
}

export function rows({ askDetails, unfolded, controls }: RowsOptions): Rows {
  const list = h("ul", { class: "flw-rows", role: "list", "aria-label": "server and sites" });
  const rest = h("button", { class: "flw-button flw-rest", type: "button" });
  const none = h("p", { class: "flw-none" });
  const element = h("div", {}, list, none, rest);
  const lines = new Map<string, Row>();
  let all = false;
  let latest: (() => void) | undefined;

  rest.addEventListener("click", () => {
    all = !all;
    latest?.();
  });

  function draw(system: SystemSnapshot, now: number): void {
    latest = () => draw(system, now);
    const picture = choose(facts(system, now), all);
    for (const [name, line] of lines) {
      if (!picture.shown.some((wanted) => wanted.key === name)) {
        lines.delete(name);
        line.element.remove();
      }
    }
    picture.shown.forEach((wanted, index) => {
      let line = lines.get(wanted.key);
      if (!line) {
        line = row(wanted.key, {
          askDetails,
          unfolded: () => unfolded(wanted.name),
          controls: () => controls(wanted.name),
        });
        lines.set(wanted.key, line);
      }
      line.draw(wanted, now);
      // Moved only when it is elsewhere: moving an element takes the focus from it.
      if (list.children[index] !== line.element) list.insertBefore(line.element, list.children[index] ?? null);
    });
    show(none, system.factsAt !== null && system.sites.length === 0);
    setText(none, "No site is connected. Start a site with its startup kit; it appears here by itself.");
    show(rest, picture.rest > 0 || (all && lines.size > MOST_ROWS + 1));
    setText(rest, picture.rest > 0 ? `Show ${picture.rest} more sites` : "Show fewer");
  }

  return { element, draw };
}

/** The lines to draw: all by name, or when there are too many those in trouble first. */
export function choose(found: readonly RowFacts[], all: boolean): { shown: readonly RowFacts[]; rest: number } {
  const [server, ...sites] = found;
  if (!server || all || sites.length <= MOST_ROWS) return { shown: found, rest: 0 };
  const urgency = { bad: 0, warn: 1, unknown: 2, good: 3 } as const;
  const shown = [...sites].sort((a, b) => urgency[a.state.tone] - urgency[b.state.tone]).slice(0, MOST_ROWS);
  return { shown: [server, ...shown], rest: sites.length - MOST_ROWS };
}

function facts(system: SystemSnapshot, now: number): RowFacts[] {
  const doubtful = system.trouble !== "";
  // What the server no longer confirms does not go on.
  const seen = doubtful && system.factsAt !== null ? system.factsAt : now;
  const details = { detailsAt: system.detailsAt, detailsMissing: system.detailsMissing };
  const unasked = system.missing.find(([group]) => group === "jobs of sites")?.[1] ?? "";
  return [
    {
      key: "server ",
      name: "server",
      state: serverState(system, now),
      doubtful: false,
      seen: null,
      since: system.startedAt,
      sinceWord: "up since",
      jobs: system.jobs,
      unasked: "",
      version: system.version,
      resources: system.resources,
      ...details,
    },
    ...system.sites.map((site) => ({
      key: `site ${site.name}`,
      name: site.name,
      state: siteState(site, seen),
      doubtful,
      seen: site.connected ? site.lastSeen : null,
      since: site.since,
      sinceWord: "connected since",
      jobs: site.jobs,
      unasked: site.connected ? unasked : "",
      version: site.version,
      resources: site.resources,
      ...details,
    })),
  ];
}
