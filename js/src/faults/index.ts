/** The browser's half of flare_widgets.views.faults.FaultsView: its traits and messages, joined to the view. */
import { KernelClock, browserNow } from "../core/clock";
import { type Model, type RenderContext, listen, send } from "../core/anywidget-model";
import { prefixStale, disableAll } from "../core/kernel";
import { kernelBanner } from "../core/kernel-banner";
import { sanitize } from "../core/text";
import { readProcessRows } from "./process-rows";
import { type FaultsViewState, createFaultsView } from "./view";

const MAX_ANNOUNCEMENT_CHARS = 1000;

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function faultsWidget() {
  const clock = new KernelClock();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(model);

  function render({ model, el }: RenderContext): () => void {
    const view = createFaultsView({ kernelNow: () => clock.now(), browserNow, send: (message) => send(model, message) });
    const kernel = kernelBanner(
      model,
      view.element,
      () => view.draw(facts()),
      // In a federation that has ended nothing can be done.
      () => readProcessRows(model.get("rows")).some(({ actions }) => actions.length > 0),
    );
    const facts = (): FaultsViewState => {
      const sentence = sanitize(String(model.get("sentence") ?? ""), MAX_ANNOUNCEMENT_CHARS);
      return {
        title: sanitize(String(model.get("title") ?? ""), 64),
        announcement: sentence,
        label: prefixStale(kernel.problem, sentence),
        rows: readProcessRows(model.get("rows")).map((row) => ({ ...row, actions: disableAll(row.actions, kernel) })),
      };
    };
    const stop = listen(model, ["change:rows", "change:sentence"], () => view.draw(facts()));
    view.draw(facts());
    el.append(view.element);
    send(model, { kind: "clock" });
    return () => {
      stop();
      kernel.dispose();
      view.dispose();
    };
  }

  return { initialize, render };
}
