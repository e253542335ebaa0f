/** The system view, composed of its parts. Independent of anywidget and of kernels. */
import { type ActionBar, type ActionMessage, createActionBar } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { createBanner } from "../core/banner";
import { h } from "../core/dom";
import { textAt } from "../core/live-text";
import { createHeader } from "./parts/header";
import { createRows } from "./parts/rows";
import type { SystemViewState } from "./view-model";

export interface SystemViewOptions {
  /** The kernel's clock in seconds, against which ages are counted. */
  readonly kernelNow: () => number;
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  /** Request versions and resources. */
  readonly requestDetails: () => void;
  /** Request the actions of a row that was expanded. */
  readonly showActions: (name: string) => void;
  /** Send an action to the kernel. */
  readonly send: (message: ActionMessage) => void;
}

export interface SystemView {
  readonly element: HTMLElement;
  draw(next: SystemViewState): void;
  dispose(): void;
}

/** Interval at which times are redrawn; short enough that no second seems to be skipped. */
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
  const banner = createBanner(announcer.announce);
  const bars = new Map<string, ActionBar>();
  const rows = createRows({ requestDetails, onOpen: showActions, controls: (name) => bars.get(name)?.element });
  const element = h(
    "div",
    { class: "flw-system flw-live", role: "group", tabindex: "-1" },
    banner.element,
    header.element,
    rows.element,
    announcer.element,
  );
  let latest: SystemViewState | undefined;

  function tick(): void {
    if (!latest) return;
    const now = kernelNow();
    header.draw(latest, now);
    const problems = problemsAt(latest, now);
    banner.draw(problems);
    element.classList.toggle("flw-trouble", problems.length > 0);
    for (const [name, actions] of latest.actions) {
      const bar = bars.get(name) ?? createActionBar({ send, announce: announcer.announce, now: browserNow });
      bars.set(name, bar);
      bar.draw(actions, browserNow());
    }
    rows.draw(latest, now);
  }
  const ticker = setInterval(tick, TICK_MS);

  return {
    element,
    draw(next) {
      latest = next;
      element.setAttribute("aria-label", next.label);
      tick();
    },
    dispose() {
      clearInterval(ticker);
      latest = undefined;
      element.remove();
    },
  };
}

function problemsAt({ system, kernelProblem, confirmedAt }: SystemViewState, now: number): string[] {
  const problems = system.problems.map((problem) => textAt(problem, Math.min(now, confirmedAt)));
  return [kernelProblem, ...problems].filter(Boolean);
}
