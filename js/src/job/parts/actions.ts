/** Last line: the actions; hidden when there are none. */
import { type Action, type ActionBarOptions, createActionBar } from "../../core/actions";
import { h, setVisible } from "../../core/dom";

export interface ActionsPart {
  readonly element: HTMLElement;
  /** Draw at a time of the browser's clock. */
  draw(actions: readonly Action[], now: number): void;
  /** Tell if a message has been sent that the kernel has not answered: then draw regularly. */
  isWaiting(): boolean;
}

export function createActions(options: ActionBarOptions): ActionsPart {
  const bar = createActionBar(options);
  const element = h("div", { class: "flw-foot" }, bar.element);
  return {
    element,
    isWaiting: bar.isWaiting,
    draw(actions, now) {
      const { activeElement } = element.getRootNode() as Document | ShadowRoot;
      const hadFocus = element.contains(activeElement);
      bar.draw(actions, now);
      setVisible(element, actions.length > 0);
      // Keep the focus in the view when the focused element disappears.
      if (hadFocus && !actions.length) element.parentElement?.focus({ preventScroll: true });
    },
  };
}
