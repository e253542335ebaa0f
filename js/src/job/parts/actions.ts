/** Last line: what went wrong, and what can be done; not there when there is neither. */
import { type Action, type ActionBarOptions, actionBar } from "../../core/actions";
import { h, setText, show } from "../../core/dom";
import type { JobSnapshot } from "../snapshot";

export interface Foot {
  readonly element: HTMLElement;
  /** Draw; `now` is the browser's clock. */
  draw(job: JobSnapshot, actions: readonly Action[], now: number): void;
}

export function foot(options: ActionBarOptions): Foot {
  const trouble = h("span", { class: "flw-trouble" });
  const bar = actionBar(options);
  const element = h("div", { class: "flw-foot" }, trouble, bar.element);
  return {
    element,
    draw(job, actions, now) {
      setText(trouble, job.trouble && !job.ended ? job.trouble : "");
      show(trouble, trouble.textContent !== "");
      const { activeElement } = element.getRootNode() as Document | ShadowRoot;
      const hadFocus = element.contains(activeElement);
      bar.draw(actions, now);
      show(bar.element, actions.length > 0);
      show(element, trouble.textContent !== "" || actions.length > 0);
      // The focus must not fall out of the view when what it is on disappears.
      if (hadFocus && !actions.length) element.parentElement?.focus({ preventScroll: true });
    },
  };
}
