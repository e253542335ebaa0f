/** The banner of a view that depends on its kernel: the kernel's problem first, then the view's own. */

import { createAnnouncer } from "./announcer";
import type { RenderContext } from "./anywidget-model";
import { createBanner } from "./banner";
import { type KernelStatus, watchKernel } from "./kernel";

export interface KernelBanner extends KernelStatus {
  /** Draw the view's own problems, the worst first. */
  draw(problems: readonly string[]): void;
}

/**
 * @param context the context in which the view is rendered
 * @param view the element that gets the banner on top
 * @param onChange called when the kernel's status has changed
 * @param isNeeded returns true while the view depends on the kernel
 */
export function createKernelBanner(
  context: RenderContext,
  view: HTMLElement,
  onChange: () => void,
  isNeeded = (): boolean => true,
): KernelBanner {
  const announcer = createAnnouncer("alert");
  const banner = createBanner(announcer.announce);
  view.prepend(banner.element);
  view.append(announcer.element);
  let own: readonly string[] = [];
  const kernel = watchKernel(context, {
    onChange: () => {
      draw();
      onChange();
    },
    isNeeded,
  });
  function draw(): void {
    const problems = [kernel.problem, ...own].filter(Boolean);
    view.classList.toggle("flw-gone", kernel.problem !== "");
    view.classList.toggle("flw-trouble", problems.length > 0);
    banner.draw(problems);
  }
  draw();
  return {
    get problem() {
      return kernel.problem;
    },
    get hasEnded() {
      return kernel.hasEnded;
    },
    dispose: () => kernel.dispose(),
    draw(problems) {
      own = problems;
      draw();
    },
  };
}
