/** Last line: the actions; hidden when there are none. */
import { type Action, type ActionBarOptions, createActionBar } from "../../core/actions";
import { h, setVisible } from "../../core/dom";

export interface ActionsPart {
  readonly element: HTMLElement;
  /** Draw at a time of the browser's clock. */
  draw(actions: readonly Action[], now: number, hasEnded: boolean): void;
  /** Tell if a message has been sent that the kernel has not answered: then draw regularly. */
  isWaiting(): boolean;
}

/** @param openResults opens the results of the job in a tab, where there are tabs */
export function createActions(options: ActionBarOptions, openResults?: () => void): ActionsPart {
  const bar = createActionBar(options);
  const results = h("button", { class: "flw-button flw-open-results", type: "button" }, "Results");
  results.title = "Open models, metrics and files in a tab";
  results.addEventListener("click", () => openResults?.());
  const element = h("div", { class: "flw-foot" }, bar.element);
  return {
    element,
    isWaiting: bar.isWaiting,
    draw(actions, now, hasEnded) {
      const { activeElement } = element.getRootNode() as Document | ShadowRoot;
      const hadFocus = element.contains(activeElement);
      bar.draw(actions, now);
      // Among the others, which are made anew when there are other actions.
      const buttons = bar.element.querySelector(".flw-buttons");
      if (openResults && results.parentElement !== buttons) buttons?.prepend(results);
      setVisible(results, hasEnded);
      setVisible(element, actions.length > 0);
      // Keep the focus in the view when the focused element disappears.
      if (hadFocus && !actions.length) element.parentElement?.focus({ preventScroll: true });
    },
  };
}
