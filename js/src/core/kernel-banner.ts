/** What has become of a view's kernel, for views without a place of their own for such words: a line above all else. */

import { type Model, send } from "./anywidget-model";
import { h, setText, setVisible } from "./dom";
import { type KernelStatus, watchKernel } from "./kernel";

/**
 * @param view where the line is put
 * @param onChange called when what can be done has changed with the kernel
 * @param isNeeded whether anything depends on the kernel still
 */
export function kernelBanner(
  model: Model,
  view: HTMLElement,
  onChange: () => void,
  isNeeded = (): boolean => true,
): KernelStatus {
  const line = h("p", { class: "flw-stale flw-gone-words", role: "alert" });
  setVisible(line, false);
  view.prepend(line);
  const kernel = watchKernel(model, {
    probe: () => send(model, { kind: "clock" }),
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
