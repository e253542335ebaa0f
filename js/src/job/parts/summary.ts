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
  const element = h("div", { class: "flw-facts" }, progressParts.element, time, progressParts.left);
  let drawn: HTMLElement[] = [];
  const drawFacts = whenChanged((facts: readonly string[]) => {
    for (const fact of drawn) fact.remove();
    drawn = facts.map((fact) => h("span", {}, fact));
    element.append(...drawn);
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
