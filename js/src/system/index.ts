/** The browser's half of flare_widgets.views.system.SystemView: its traits and messages, joined to the view. */
import { type Action, readActions } from "../core/actions";
import { KernelClock, browserNow } from "../core/clock";
import { type Model, type RenderContext, listen, tell } from "../core/anywidget-model";
import { type Kernel, before, doable, watchKernel } from "../core/kernel";
import { record } from "../core/validate";
import { clean } from "../core/text";
import { tellSight } from "../core/visibility";
import { readSystem } from "./snapshot";
import { type SystemFacts, systemView } from "./view";

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function systemWidget() {
  const clock = new KernelClock();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(model);

  function render({ model, el }: RenderContext): () => void {
    const view = systemView({
      kernelNow: () => clock.now(),
      browserNow,
      askDetails: () => tell(model, { kind: "details" }),
      unfolded: (name) => tell(model, { kind: "unfold", name }),
      tell: (wish) => tell(model, { ...wish }),
    });
    const kernel = watchKernel(model, { ask: () => tell(model, { kind: "clock" }), changed: () => view.draw(facts()) });
    const facts = (): SystemFacts => {
      const system = readSystem(model.get("snapshot"));
      const sentence = clean(String(model.get("sentence") ?? ""), 1000);
      const { trouble } = kernel;
      return {
        system: trouble ? { ...system, trouble, unheard: true } : system,
        sentence: before(trouble, sentence),
        actions: actionsOf(model.get("actions"), kernel),
      };
    };
    const undo = listen(model, ["change:snapshot", "change:actions", "change:sent_at"], () => view.draw(facts()));
    view.draw(facts());
    el.append(view.element);
    const unseen = tellSight(model, view.element);
    tell(model, { kind: "clock" });
    return () => {
      undo();
      kernel.dispose();
      unseen();
      view.dispose();
    };
  }

  return { initialize, render };
}

function actionsOf(value: unknown, kernel: Kernel): ReadonlyMap<string, readonly Action[]> {
  const all = Object.entries(record(value));
  return new Map(all.map(([name, actions]) => [clean(name), doable(readActions(actions), kernel)]));
}
