/** The buttons that download single files, each in the place of its file: flare_widgets/views/results/actions.py. */
import { type Action, type ActionBar, type ActionBarOptions, createActionBar, readActions } from "../../core/actions";
import { h } from "../../core/dom";
import { disableAll, type KernelStatus } from "../../core/kernel";
import { asRecord, asText } from "../../core/validate";

export interface FileActions {
  /** Those that were ever asked for. */
  readonly actions: readonly Action[];
  /** Reason why none of the others can be asked for; empty if they can. */
  readonly disabledReason: string;
}

/** Read the result of Python's `FileActions.asked_to_json`. */
export function readFileActions(value: unknown): FileActions {
  const raw = asRecord(value);
  return { actions: readActions(raw["actions"]), disabledReason: asText(raw["disabled_reason"], 500) };
}

/** Disable all of them while the kernel does not answer. */
export function disableFileActions({ actions, disabledReason }: FileActions, kernel: KernelStatus): FileActions {
  const [any] = disableAll([{ ...makeAction(""), disabledReason }], kernel);
  return { actions: disableAll(actions, kernel), disabledReason: any?.disabledReason ?? disabledReason };
}

export interface FileActionBars {
  /** Return a new element for the button of an action, which is drawn as long as it is in the page. */
  place(name: string): HTMLElement;
  draw(actions: FileActions): void;
  dispose(): void;
}

/** Interval at which a button that waits for the kernel is redrawn. */
const TICK_MS = 500;

export function createFileActionBars({ send, announce, now }: ActionBarOptions): FileActionBars {
  let places: { readonly name: string; readonly element: HTMLElement; readonly bar: ActionBar }[] = [];
  let latest: FileActions = { actions: [], disabledReason: "" };
  let ticker: ReturnType<typeof setInterval> | undefined;

  function drawAll(): void {
    places = places.filter(({ element }) => element.parentElement !== null);
    for (const { name, bar } of places) drawOne(name, bar);
    if (!places.some(({ bar }) => bar.isWaiting())) stop();
  }

  function drawOne(name: string, bar: ActionBar): void {
    const asked = latest.actions.find((action) => action.name === name);
    bar.draw([asked ?? { ...makeAction(name), disabledReason: latest.disabledReason }], now());
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

function makeAction(name: string): Action {
  const [action] = readActions([{ name, label: "Download", is_cancellable: true }]);
  if (!action) throw new Error("readActions returns an action for each that it is given");
  return action;
}
