/** Last line: the connection problem and the actions; hidden when there is neither. */
import { type Action, type ActionBarOptions, createActionBar } from "../../core/actions";
import { h, setText, setVisible } from "../../core/dom";

export interface ActionsPart {
  readonly element: HTMLElement;
  /** Draw at a time of the browser's clock. */
  draw(problem: string, actions: readonly Action[], now: number): void;
  /** Tell if a message has been sent that the kernel has not answered: then draw regularly. */
  isWaiting(): boolean;
}

export function createActions(options: ActionBarOptions): ActionsPart {
  const problemText = h("span", { class: "flw-problem" });
  const bar = createActionBar(options);
  const element = h("div", { class: "flw-foot" }, problemText, bar.element);
  return {
    element,
    isWaiting: bar.isWaiting,
    draw(problem, actions, now) {
      setText(problemText, problem);
      setVisible(problemText, problem !== "");
      const { activeElement } = element.getRootNode() as Document | ShadowRoot;
      const hadFocus = element.contains(activeElement);
      bar.draw(actions, now);
      setVisible(bar.element, actions.length > 0);
      setVisible(element, problem !== "" || actions.length > 0);
      // Keep the focus in the view when the focused element disappears.
      if (hadFocus && !actions.length) element.parentElement?.focus({ preventScroll: true });
    },
  };
}
