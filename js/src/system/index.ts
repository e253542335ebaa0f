/** The browser's half of flare_widgets.views.system.SystemView: its traits and messages, joined to the view. */
import { type Action, readActions } from "../core/actions";
import { KernelClock, browserNow } from "../core/clock";
import { type Model, type RenderContext, listen, send } from "../core/anywidget-model";
import { type KernelStatus, prefixStale, disableAll, watchKernel } from "../core/kernel";
import { asRecord } from "../core/validate";
import { sanitize } from "../core/text";
import { reportVisibility } from "../core/visibility";
import { readSystem } from "./snapshot";
import { type SystemViewState, createSystemView } from "./view";

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function systemWidget() {
  const clock = new KernelClock();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(model);

  function render({ model, el }: RenderContext): () => void {
    const view = createSystemView({
      kernelNow: () => clock.now(),
      browserNow,
      requestDetails: () => send(model, { kind: "details" }),
      showActions: (name) => send(model, { kind: "unfold", name }),
      send: (message) => send(model, { ...message }),
    });
    const kernel = watchKernel(model, { probe: () => send(model, { kind: "clock" }), onChange: () => view.draw(facts()) });
    const facts = (): SystemViewState => {
      const system = readSystem(model.get("snapshot"));
      const sentence = sanitize(String(model.get("sentence") ?? ""), 1000);
      const { problem } = kernel;
      return {
        system: problem ? { ...system, connectionProblem: problem, isKernelProblem: true } : system,
        announcement: prefixStale(problem, sentence),
        actions: readActionsByName(model.get("actions"), kernel),
      };
    };
    const undo = listen(model, ["change:snapshot", "change:actions", "change:sent_at"], () => view.draw(facts()));
    view.draw(facts());
    el.append(view.element);
    const unseen = reportVisibility(model, view.element);
    send(model, { kind: "clock" });
    return () => {
      undo();
      kernel.dispose();
      unseen();
      view.dispose();
    };
  }

  return { initialize, render };
}

function readActionsByName(value: unknown, kernel: KernelStatus): ReadonlyMap<string, readonly Action[]> {
  const all = Object.entries(asRecord(value));
  return new Map(all.map(([name, actions]) => [sanitize(name), disableAll(readActions(actions), kernel)]));
}
