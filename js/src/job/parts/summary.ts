/** Second line: progress, run time, submitter and study. */
import { h, setText, setVisible, whenChanged } from "../../core/dom";
import type { Progress } from "../view-model";
import { createProgress } from "./progress";

export interface Summary {
  readonly element: HTMLElement;
  /** @param now the time for which the progress is known */
  draw(elapsed: string, facts: readonly string[], progress: Progress | null, now: number): void;
}

export function createSummary(): Summary {
  const progressParts = createProgress();
  const time = h("span", { class: "flw-elapsed" });
  const origin = h("span", { class: "flw-origin" });
  const element = h("div", { class: "flw-facts" }, progressParts.element, time, progressParts.left, origin);
  const drawFacts = whenChanged((facts: readonly string[]) => {
    origin.replaceChildren(...facts.map((fact) => h("span", {}, fact)));
  });
  return {
    element,
    draw(elapsed, facts, progress, now) {
      progressParts.draw(progress, now);
      setText(time, elapsed);
      setVisible(time, elapsed !== "");
      drawFacts(facts);
    },
  };
}
