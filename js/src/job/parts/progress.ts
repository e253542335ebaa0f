/** Progress of the job: the round, a bar, and the remaining time. */
import { h, setText, setVisible } from "../../core/dom";
import { textAt } from "../../core/live-text";
import type { Progress } from "../view-model";

export interface ProgressParts {
  /** The round and the bar. */
  readonly element: HTMLElement;
  /** The remaining time. */
  readonly left: HTMLElement;
  draw(progress: Progress | null, now: number): void;
}

export function createProgress(): ProgressParts {
  const text = h("span", { class: "flw-round" });
  const fill = h("span", { class: "flw-bar-fill" });
  const bar = h(
    "span",
    { class: "flw-bar", role: "progressbar", "aria-label": "rounds", "aria-valuemin": "0", "aria-valuemax": "100" },
    fill,
  );
  const left = h("span", { class: "flw-left" });
  const element = h("span", { class: "flw-progress" }, text, bar);
  return {
    element,
    left,
    draw(progress, now) {
      setVisible(element, progress !== null);
      setText(text, progress?.text ?? "");
      const percent = progress?.fraction == null ? null : Math.floor(progress.fraction * 100);
      setVisible(bar, percent !== null);
      if (percent !== null) {
        bar.setAttribute("aria-valuenow", String(percent));
        bar.setAttribute("aria-valuetext", progress?.text ?? "");
        fill.style.width = `${percent}%`;
      }
      setText(left, progress ? textAt(progress.timeLeft, now) : "");
      setVisible(left, left.textContent !== "");
    },
  };
}
