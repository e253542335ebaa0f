/** What has become of a view's kernel, for views without a place of their own for such words: a line above all else. */
import { h, setText, show } from "./dom";
import { type Model, tell } from "./anywidget-model";
import { type Kernel, watchKernel } from "./kernel";

/**
 * @param view where the line is put
 * @param changed called when what can be done has changed with the kernel
 * @param needed whether anything depends on the kernel still
 */
export function kernelNote(model: Model, view: HTMLElement, changed: () => void, needed = (): boolean => true): Kernel {
  const line = h("p", { class: "flw-stale flw-gone-words", role: "alert" });
  show(line, false);
  view.prepend(line);
  const kernel = watchKernel(model, {
    ask: () => tell(model, { kind: "clock" }),
    changed: () => {
      setText(line, kernel.trouble);
      show(line, kernel.trouble !== "");
      view.classList.toggle("flw-gone", kernel.trouble !== "");
      changed();
    },
    needed,
  });
  return kernel;
}
