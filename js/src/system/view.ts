/** The system view: parts put together, and kept up to date. Knows nothing of anywidget or of kernels. */
import { type Action, type ActionBar, type ActionMessage, createActionBar } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { h } from "../core/dom";
import { createHeader } from "./parts/header";
import { createProblems } from "./parts/problems";
import { createRows } from "./parts/rows";
import type { SystemSnapshot } from "./snapshot";

export interface SystemViewState {
  readonly system: SystemSnapshot;
  /** The system in one sentence: the label that a screen reader hears. */
  readonly announcement: string;
  /** By what was unfolded what can be done to it. */
  readonly actions: ReadonlyMap<string, readonly Action[]>;
}

export interface SystemViewOptions {
  /** The kernel's clock, in seconds: what ages are counted against. */
  readonly kernelNow: () => number;
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  /** Ask for versions and resources. */
  readonly requestDetails: () => void;
  /** A line was unfolded: its actions are wanted. */
  readonly showActions: (name: string) => void;
  /** Send the user's wish. */
  readonly send: (message: ActionMessage) => void;
}

export interface SystemView {
  readonly element: HTMLElement;
  draw(next: SystemViewState): void;
  dispose(): void;
}

/** How often the clocks are looked at; a second must not seem to last two. */
const TICK_MS = 250;

export function createSystemView({
  kernelNow,
  browserNow,
  requestDetails,
  showActions,
  send,
}: SystemViewOptions): SystemView {
  const announcer = createAnnouncer();
  const header = createHeader();
  const problems = createProblems(announcer.announce);
  const bars = new Map<string, ActionBar>();
  const rows = createRows({ requestDetails, onOpen: showActions, controls: (name) => bars.get(name)?.element });
  const element = h(
    "div",
    { class: "flw-system flw-live", role: "group", tabindex: "-1" },
    header.element,
    problems.element,
    rows.element,
    announcer.element,
  );
  let latest: SystemViewState | undefined;

  function tick(): void {
    if (!latest) return;
    const now = kernelNow();
    header.draw(latest.system, now);
    problems.draw(latest.system, now);
    for (const [name, actions] of latest.actions) {
      const bar = bars.get(name) ?? createActionBar({ send, announce: announcer.announce, now: browserNow });
      bars.set(name, bar);
      bar.draw(actions, browserNow());
    }
    rows.draw(latest.system, now);
  }
  const ticker = setInterval(tick, TICK_MS);

  return {
    element,
    draw(next) {
      latest = next;
      element.classList.toggle("flw-in-trouble", next.system.connectionProblem !== "");
      element.setAttribute("aria-label", next.announcement);
      tick();
    },
    dispose() {
      clearInterval(ticker);
      latest = undefined;
      element.remove();
    },
  };
}
