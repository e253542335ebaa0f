/** The browser's half of flare_widgets.views.faults.FaultsView: its traits and messages, joined to the view. */
import { KernelClock, browserNow } from "../core/clock";
import { type Model, type RenderContext, listen, tell } from "../core/anywidget-model";
import { before, doable } from "../core/kernel";
import { kernelNote } from "../core/kernel-banner";
import { clean } from "../core/text";
import { readRows } from "./process-rows";
import { type FaultsFacts, faultsView } from "./view";

const MOST_WORDS = 1000;

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function faultsWidget() {
  const clock = new KernelClock();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(model);

  function render({ model, el }: RenderContext): () => void {
    const view = faultsView({ kernelNow: () => clock.now(), browserNow, tell: (wish) => tell(model, wish) });
    const kernel = kernelNote(
      model,
      view.element,
      () => view.draw(facts()),
      // In a federation that has ended nothing can be done.
      () => readRows(model.get("rows")).some(({ actions }) => actions.length > 0),
    );
    const facts = (): FaultsFacts => {
      const sentence = clean(String(model.get("sentence") ?? ""), MOST_WORDS);
      return {
        title: clean(String(model.get("title") ?? ""), 64),
        sentence,
        label: before(kernel.trouble, sentence),
        rows: readRows(model.get("rows")).map((row) => ({ ...row, actions: doable(row.actions, kernel) })),
      };
    };
    const stop = listen(model, ["change:rows", "change:sentence"], () => view.draw(facts()));
    view.draw(facts());
    el.append(view.element);
    tell(model, { kind: "clock" });
    return () => {
      stop();
      kernel.dispose();
      view.dispose();
    };
  }

  return { initialize, render };
}
