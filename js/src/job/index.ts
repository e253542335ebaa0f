/** The browser's half of flare_widgets.views.job.JobView: its traits and messages, joined to the view. */
import { readActions } from "../core/actions";
import { KernelClock, browserNow } from "../core/clock";
import { type Model, type RenderContext, listen, tell } from "../core/anywidget-model";
import { before, doable, watchKernel } from "../core/kernel";
import { clean } from "../core/text";
import { type Metric, readMetrics } from "./metrics";
import { readPicture } from "./view-model";
import { readSnapshot } from "./snapshot";
import { type JobFacts, jobView } from "./view";

/** Characters of the sentence; a screen reader takes minutes for more. */
const MOST_WORDS = 1000;

const TRAITS = ["snapshot", "picture", "metrics", "sent_at", "actions", "has_log"];

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function jobWidget() {
  const clock = new KernelClock();
  const unfolded = new Map<string, boolean>();
  const chosen = new Map<string, string>();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(model);

  function render({ model, el }: RenderContext): () => void {
    const view = jobView({
      kernelNow: () => clock.now(),
      browserNow,
      tell: (wish) => tell(model, wish),
      unfolded,
      chosen,
    });
    let sent: unknown;
    let metrics: readonly Metric[] = [];
    const newestMetrics = (): readonly Metric[] => {
      const value = model.get("metrics");
      if (value !== sent) [sent, metrics] = [value, readMetrics(value)];
      return metrics;
    };
    const kernel = watchKernel(model, {
      ask: () => tell(model, { kind: "clock" }),
      changed: () => view.draw(facts()),
      needed: () => !readSnapshot(model.get("snapshot")).ended || readActions(model.get("actions")).length > 0,
    });
    const facts = (): JobFacts => {
      const job = readSnapshot(model.get("snapshot"));
      const sentence = clean(String(model.get("sentence") ?? ""), MOST_WORDS);
      // How a job ended does not change any more, whoever is gone.
      const trouble = job.ended ? "" : kernel.trouble;
      return {
        job: trouble ? { ...job, trouble } : job,
        picture: readPicture(model.get("picture")),
        metrics: newestMetrics(),
        sentence: before(trouble, sentence),
        actions: doable(readActions(model.get("actions")), kernel),
        hasLog: model.get("has_log") === true,
      };
    };
    const stop = [
      kernel.dispose,
      // The time may be set before or after the snapshot it came with, hence it draws too.
      listen(model, TRAITS.map((name) => `change:${name}`), () => view.draw(facts())),
      listen(model, ["msg:custom"], (message) => view.takeLog(message)),
    ];
    view.draw(facts());
    el.append(view.element);
    // How old the facts of a view are that is opened late, only the kernel can say.
    tell(model, { kind: "clock" });
    return () => {
      stop.forEach((undo) => undo());
      view.dispose();
    };
  }

  return { initialize, render };
}
