/** Third line: the job's life so far, and what comes next. */
import { h, spoken, whenChanged } from "../../core/dom";
import { exactMoment, isoMoment, moment } from "../../core/time";
import { type Step, steps } from "../timeline";
import type { JobSnapshot } from "../snapshot";

export interface Timeline {
  readonly element: HTMLElement;
  draw(job: JobSnapshot, now: number): void;
}

export function timeline(): Timeline {
  const element = h("ol", { class: "flw-timeline", role: "list", "aria-label": "timeline" });
  const draw = whenChanged((picture: readonly { step: Step; time: string }[]) => {
    element.replaceChildren(...picture.map(({ step, time }) => item(step, time)));
  });
  return {
    element,
    draw: (job, now) =>
      draw(steps(job).map((step) => ({ step, time: step.at === null ? "" : moment(step.at, now) }))),
  };
}

function item(step: Step, time: string): HTMLElement {
  const element = h(
    "li",
    step.place === "current" ? { class: "flw-step flw-current", "aria-current": "step" } : { class: `flw-step flw-${step.place}` },
    step.place === "ahead" ? spoken("to come: ") : "",
    step.label,
  );
  if (step.at !== null) {
    const title = step.exact ? exactMoment(step.at) : `seen ${exactMoment(step.at)}`;
    element.append(" ", h("time", { datetime: isoMoment(step.at), title }, time));
  }
  return element;
}
