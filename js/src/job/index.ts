/** The browser's half of flare_widgets.views.job.JobView: its traits and messages, joined to the view. */
import { KernelClock } from "../lib/clock";
import { type Model, type RenderContext, listen } from "../lib/host";
import { clean } from "../lib/text";
import { readAbortState } from "./abort";
import { readSnapshot } from "./snapshot";
import { type JobFacts, jobView } from "./view";

/** Characters of the sentence; a screen reader takes minutes for more. */
const MOST_WORDS = 1000;

const browserNow = (): number => Date.now() / 1000;

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function jobWidget() {
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
    const view = jobView({
      kernelNow: () => clock.now(),
      browserNow,
      ask: () => tell(model, "abort"),
    });
    const facts = (): JobFacts => ({
      job: readSnapshot(model.get("snapshot")),
      sentence: clean(String(model.get("sentence") ?? ""), MOST_WORDS),
      canAbort: model.get("can_abort") === true,
      abort: readAbortState(model.get("abort_state")),
    });
    const stop = [
      listen(model, ["change:abort_state"], () => view.answered()),
      // The time may be set before or after the snapshot it came with, hence it draws too.
      listen(model, ["change:snapshot", "change:sent_at", "change:abort_state", "change:can_abort"], () =>
        view.draw(facts()),
      ),
    ];
    view.draw(facts());
    el.append(view.element);
    // How old the facts of a view are that is opened late, only the kernel can say.
    tell(model, "clock");
    return () => {
      stop.forEach((undo) => undo());
      view.dispose();
    };
  }

  return { initialize, render };
}

/** Send the kernel a wish. Without a kernel it goes nowhere, and the view says by itself that nobody answers. */
function tell(model: Model, kind: "abort" | "clock"): void {
  try {
    model.send({ kind });
  } catch (error) {
    console.debug("flare-widgets: the kernel cannot be reached", error);
  }
}
