/** The system view: parts put together, and kept up to date. Knows nothing of anywidget or of kernels. */
import { type Action, type ActionBar, type Wish, actionBar } from "../core/actions";
import { announcer } from "../core/announcer";
import { h } from "../core/dom";
import { head } from "./parts/header";
import { rows } from "./parts/rows";
import { troubles } from "./parts/problems";
import type { SystemSnapshot } from "./snapshot";

export interface SystemFacts {
  readonly system: SystemSnapshot;
  /** The system in one sentence: the label that a screen reader hears. */
  readonly sentence: string;
  /** By what was unfolded what can be done to it. */
  readonly actions: ReadonlyMap<string, readonly Action[]>;
}

export interface SystemViewOptions {
  /** The kernel's clock, in seconds: what ages are counted against. */
  readonly kernelNow: () => number;
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  /** Ask for versions and resources. */
  readonly askDetails: () => void;
  /** A line was unfolded: its actions are wanted. */
  readonly unfolded: (name: string) => void;
  /** Send the user's wish. */
  readonly tell: (wish: Wish) => void;
}

export interface SystemView {
  readonly element: HTMLElement;
  draw(next: SystemFacts): void;
  dispose(): void;
}

/** How often the clocks are looked at; a second must not seem to last two. */
const TICK = 250;

export function systemView({ kernelNow, browserNow, askDetails, unfolded, tell }: SystemViewOptions): SystemView {
  const voice = announcer();
  const top = head();
  const wrong = troubles(voice.say);
  const bars = new Map<string, ActionBar>();
  const lines = rows({ askDetails, unfolded, controls: (name) => bars.get(name)?.element });
  const element = h(
    "div",
    { class: "flw-system flw-live", role: "group", tabindex: "-1" },
    top.element,
    wrong.element,
    lines.element,
    voice.element,
  );
  let latest: SystemFacts | undefined;

  function tick(): void {
    if (!latest) return;
    const now = kernelNow();
    top.draw(latest.system, now);
    wrong.draw(latest.system, now);
    for (const [name, actions] of latest.actions) {
      let bar = bars.get(name);
      if (!bar) bars.set(name, (bar = actionBar({ tell, announce: voice.say, clock: browserNow })));
      bar.draw(actions, browserNow());
    }
    lines.draw(latest.system, now);
  }
  const ticker = setInterval(tick, TICK);

  return {
    element,
    draw(next) {
      latest = next;
      element.classList.toggle("flw-in-trouble", next.system.trouble !== "");
      element.setAttribute("aria-label", next.sentence);
      tick();
    },
    dispose() {
      clearInterval(ticker);
      latest = undefined;
      element.remove();
    },
  };
}
