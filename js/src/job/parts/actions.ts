/** Last line: the connection problem and the actions; hidden when there is neither. */
import { type Action, type ActionBarOptions, createActionBar } from "../../core/actions";
import { h, setText, setVisible } from "../../core/dom";
import type { JobSnapshot } from "../snapshot";

export interface ActionsPart {
  readonly element: HTMLElement;
  /** Draw at a time of the browser's clock. */
  draw(job: JobSnapshot, actions: readonly Action[], now: number): void;
}

export function createActions(options: ActionBarOptions): ActionsPart {
  const problem = h("span", { class: "flw-trouble" });
  const bar = createActionBar(options);
  const element = h("div", { class: "flw-foot" }, problem, bar.element);
  return {
    element,
    draw(job, actions, now) {
      setText(problem, job.connectionProblem && !job.hasEnded ? job.connectionProblem : "");
      setVisible(problem, problem.textContent !== "");
      const { activeElement } = element.getRootNode() as Document | ShadowRoot;
      const hadFocus = element.contains(activeElement);
      bar.draw(actions, now);
      setVisible(bar.element, actions.length > 0);
      setVisible(element, problem.textContent !== "" || actions.length > 0);
      // Keep the focus in the view when the focused element disappears.
      if (hadFocus && !actions.length) element.parentElement?.focus({ preventScroll: true });
    },
  };
}
