/** How far the job is: the round in words, a bar, and the time that is left. */
import { h, setText, show } from "../../lib/dom";
import { duration } from "../../lib/text";
import type { Progress } from "../picture";

export interface ProgressLine {
  readonly element: HTMLElement;
  /** Draw; without progress the line is kept for it while `coming`, so that nothing jumps. */
  draw(progress: Progress | null, coming: boolean, now: number): void;
}

export function progressLine(): ProgressLine {
  const words = h("span", { class: "flw-round" });
  const fill = h("span", { class: "flw-bar-fill" });
  const bar = h("span", { class: "flw-bar", role: "progressbar", "aria-label": "rounds", "aria-valuemin": "0", "aria-valuemax": "100" }, fill);
  const left = h("span", { class: "flw-left" });
  const element = h("div", { class: "flw-progress" }, words, bar, left);
  return {
    element,
    draw(progress, coming, now) {
      show(element, progress !== null || coming);
      setText(words, progress?.words ?? "no round yet");
      const percent = progress?.done == null ? null : Math.round(progress.done * 100);
      show(bar, percent !== null);
      if (percent !== null) {
        bar.setAttribute("aria-valuenow", String(percent));
        bar.setAttribute("aria-valuetext", progress?.words ?? "");
        fill.style.width = `${percent}%`;
      }
      const seconds = progress?.endsAt == null ? 0 : progress.endsAt - now;
      setText(left, seconds >= 1 ? `about ${duration(seconds)} left` : "");
    },
  };
}
