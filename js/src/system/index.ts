/** The browser's half of flare_widgets.views.system.SystemView: its traits and messages, joined to the view. */
import { type Action, readActions } from "../lib/actions";
import { KernelClock } from "../lib/clock";
import { type Model, type RenderContext, listen } from "../lib/host";
import { type Kernel, doable, watchKernel } from "../lib/kernel";
import { record } from "../lib/plain";
import { clean } from "../lib/text";
import { whileVisible } from "../lib/visible";
import { readSystem } from "./snapshot";
import { type SystemFacts, systemView } from "./view";

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function systemWidget() {
  const browserNow = (): number => Date.now() / 1000;
  const clock = new KernelClock(browserNow);
  let displays = 0;

  function initialize({ model }: { model: Model }): () => void {
    clock.atLeast(model.get("sent_at"));
    const stop = [
      listen(model, ["change:sent_at"], () => clock.sample(model.get("sent_at"))),
      listen(model, ["msg:custom"], (message) => {
        const { kind, now } = (message ?? {}) as { kind?: unknown; now?: unknown };
        if (kind === "clock") clock.sample(now);
      }),
    ];
    return () => stop.forEach((undo) => undo());
  }

  function render({ model, el }: RenderContext): () => void {
    const display = `${Date.now()}-${Math.random()}-${++displays}`;
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
        sentence: trouble ? `${trouble}. Before: ${sentence}` : sentence,
        actions: actionsOf(model.get("actions"), kernel),
      };
    };
    const undo = listen(model, ["change:snapshot", "change:actions", "change:sent_at"], () => view.draw(facts()));
    view.draw(facts());
    el.append(view.element);
    const visible = whileVisible(view.element, (on) => tell(model, { kind: "visible", display, on }));
    tell(model, { kind: "clock" });
    return () => {
      undo();
      kernel.dispose();
      visible.dispose();
      view.dispose();
    };
  }

  return { initialize, render };
}

function actionsOf(value: unknown, kernel: Kernel): ReadonlyMap<string, readonly Action[]> {
  const all = Object.entries(record(value));
  return new Map(all.map(([name, actions]) => [clean(name), doable(readActions(actions), kernel)]));
}

/** Send the kernel a wish. Without a kernel it goes nowhere, and the ages in the view say so. */
function tell(model: Model, wish: Record<string, unknown>): void {
  try {
    model.send(wish);
  } catch (error) {
    console.debug("flare-widgets: the kernel cannot be reached", error);
  }
}
