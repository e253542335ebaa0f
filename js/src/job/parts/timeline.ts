/** Third line: the timeline of the job, with the steps to come. */
import { h, screenReaderText, whenChanged } from "../../core/dom";
import { formatExactTime, formatTime, toIsoTime } from "../../core/time";
import type { Step } from "../view-model";

export interface Timeline {
  readonly element: HTMLElement;
  draw(steps: readonly Step[], now: number): void;
}

export function createTimeline(): Timeline {
  const element = h("ol", { class: "flw-timeline", role: "list", "aria-label": "timeline" });
  const draw = whenChanged((drawn: readonly { step: Step; time: string }[]) => {
    element.replaceChildren(...drawn.map(({ step, time }) => createStep(step, time)));
  });
  return {
    element,
    draw: (steps, now) => draw(steps.map((step) => ({ step, time: step.at === null ? "" : formatTime(step.at, now) }))),
  };
}

function createStep(step: Step, time: string): HTMLElement {
  const element = h(
    "li",
    step.phase === "current"
      ? { class: "flw-step flw-current", "aria-current": "step" }
      : { class: `flw-step flw-${step.phase}` },
    step.phase === "ahead" ? screenReaderText("to come: ") : "",
    step.label,
  );
  if (step.at !== null) {
    const title = step.isExact ? formatExactTime(step.at) : `seen ${formatExactTime(step.at)}`;
    element.append(" ", h("time", { datetime: toIsoTime(step.at), title }, time));
  }
  return element;
}
