/** A line at the top of a view that reports problems of its kernel, for views that have no other place for them. */

import type { Model } from "./anywidget-model";
import { h, setText, setVisible } from "./dom";
import { type KernelStatus, watchKernel } from "./kernel";

/**
 * @param el the element that anywidget gave the view
 * @param view the element that gets the line
 * @param onChange called when the kernel's status has changed
 * @param isNeeded returns true while the view depends on the kernel
 */
export function kernelBanner(
  model: Model,
  el: HTMLElement,
  view: HTMLElement,
  onChange: () => void,
  isNeeded = (): boolean => true,
): KernelStatus {
  const line = h("p", { class: "flw-stale flw-gone-words", role: "alert" });
  setVisible(line, false);
  view.prepend(line);
  const kernel = watchKernel(model, {
    el,
    onChange: () => {
      setText(line, kernel.problem);
      setVisible(line, kernel.problem !== "");
      view.classList.toggle("flw-gone", kernel.problem !== "");
      onChange();
    },
    isNeeded,
  });
  return kernel;
}
