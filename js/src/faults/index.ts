/** The browser's half of flare_widgets.views.faults.FaultsView: its traits and messages, joined to the view. */
import { KernelClock } from "../lib/clock";
import { type Model, type RenderContext, listen } from "../lib/host";
import { clean } from "../lib/text";
import { readRows } from "./rows";
import { type FaultsFacts, faultsView } from "./view";

const MOST_WORDS = 1000;

const browserNow = (): number => Date.now() / 1000;

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function faultsWidget() {
  const clock = new KernelClock(browserNow);

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
    const view = faultsView({ kernelNow: () => clock.now(), browserNow, tell: (wish) => tell(model, wish) });
    const facts = (): FaultsFacts => ({
      title: clean(String(model.get("title") ?? ""), 64),
      sentence: clean(String(model.get("sentence") ?? ""), MOST_WORDS),
      rows: readRows(model.get("rows")),
    });
    const stop = listen(model, ["change:rows", "change:sentence"], () => view.draw(facts()));
    view.draw(facts());
    el.append(view.element);
    tell(model, { kind: "clock" });
    return () => {
      stop();
      view.dispose();
    };
  }

  return { initialize, render };
}

/** Send the kernel a wish. Without a kernel it goes nowhere, and the view says by itself that nobody answers. */
function tell(model: Model, message: { readonly kind: string }): void {
  try {
    model.send(message);
  } catch (error) {
    console.debug("flare-widgets: the kernel cannot be reached", error);
  }
}
