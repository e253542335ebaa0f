/** Last line: what went wrong, and what can be done; not there when there is neither. */
import { type Action, type ActionBarOptions, createActionBar } from "../../core/actions";
import { h, setText, setVisible } from "../../core/dom";
import type { JobSnapshot } from "../snapshot";

export interface ActionsPart {
  readonly element: HTMLElement;
  /** Draw; `now` is the browser's clock. */
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
      // The focus must not fall out of the view when what it is on disappears.
      if (hadFocus && !actions.length) element.parentElement?.focus({ preventScroll: true });
    },
  };
}
