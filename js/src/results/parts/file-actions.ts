/** The buttons that download single files, each in the place of its file. */
import { type Action, type ActionBar, type ActionMessage, createActionBar } from "../../core/actions";
import { h } from "../../core/dom";

export interface FileActionBars {
  /** Return a new element for the button of an action, which is drawn as long as it is in the page. */
  place(name: string): HTMLElement;
  draw(actions: readonly Action[]): void;
  dispose(): void;
}

export interface FileActionBarsOptions {
  readonly send: (message: ActionMessage) => void;
  readonly announce: (message: string) => void;
  /** The browser's clock, in seconds. */
  readonly now: () => number;
}

/** Interval at which a button that waits for the kernel is redrawn. */
const TICK_MS = 500;

export function createFileActionBars({ send, announce, now }: FileActionBarsOptions): FileActionBars {
  let places: { readonly name: string; readonly element: HTMLElement; readonly bar: ActionBar }[] = [];
  let latest: readonly Action[] = [];
  let ticker: ReturnType<typeof setInterval> | undefined;

  function drawAll(): void {
    places = places.filter(({ element }) => element.parentElement !== null);
    for (const { name, bar } of places) drawOne(name, bar);
    if (!places.some(({ bar }) => bar.isWaiting())) stop();
  }

  function drawOne(name: string, bar: ActionBar): void {
    const own = latest.filter((action) => action.name === name);
    bar.draw(own, now());
  }

  function stop(): void {
    clearInterval(ticker);
    ticker = undefined;
  }

  return {
    place(name) {
      const bar = createActionBar({
        send: (message) => {
          ticker ??= setInterval(drawAll, TICK_MS);
          send(message);
        },
        announce,
        now,
      });
      const element = h("div", { class: "flw-file-action" }, bar.element);
      places.push({ name, element, bar });
      drawOne(name, bar);
      return element;
    },
    draw(actions) {
      latest = actions;
      drawAll();
    },
    dispose: stop,
  };
}
