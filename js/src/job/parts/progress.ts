/** How far the job is: the round in words, a bar, and the time that is left. */
import { h, setText, show } from "../../core/dom";
import { duration } from "../../core/text";
import type { Progress } from "../view-model";

export interface ProgressParts {
  /** The round, and a bar. */
  readonly element: HTMLElement;
  /** The time that is left. */
  readonly left: HTMLElement;
  draw(progress: Progress | null, now: number): void;
}

export function progressParts(): ProgressParts {
  const words = h("span", { class: "flw-round" });
  const fill = h("span", { class: "flw-bar-fill" });
  const bar = h(
    "span",
    { class: "flw-bar", role: "progressbar", "aria-label": "rounds", "aria-valuemin": "0", "aria-valuemax": "100" },
    fill,
  );
  const left = h("span", { class: "flw-left" });
  const element = h("span", { class: "flw-progress" }, words, bar);
  return {
    element,
    left,
    draw(progress, now) {
      show(element, progress !== null);
      setText(words, progress?.words ?? "");
      const percent = progress?.done == null ? null : Math.floor(progress.done * 100);
      show(bar, percent !== null);
      if (percent !== null) {
        bar.setAttribute("aria-valuenow", String(percent));
        bar.setAttribute("aria-valuetext", progress?.words ?? "");
        fill.style.width = `${percent}%`;
      }
      const seconds = progress?.endsAt == null ? 0 : progress.endsAt - now;
      setText(left, seconds >= 1 ? `about ${duration(seconds)} left` : "");
      show(left, seconds >= 1);
    },
  };
}
