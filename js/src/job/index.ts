/** The browser's half of flare_widgets.views.job.JobView: its traits and messages, joined to the view. */
import { readActions } from "../core/actions";
import { KernelClock, browserNow } from "../core/clock";
import { type Model, type RenderContext, listen, send } from "../core/anywidget-model";
import { prefixStale, disableAll, watchKernel } from "../core/kernel";
import { sanitize } from "../core/text";
import { type Metric, readMetrics } from "./metrics";
import { readViewModel } from "./view-model";
import { readSnapshot } from "./snapshot";
import { type JobViewState, createJobView } from "./view";

/** Characters of the sentence; a screen reader takes minutes for more. */
const MAX_ANNOUNCEMENT_CHARS = 1000;

const DRAWN_TRAITS = ["snapshot", "picture", "metrics", "sent_at", "actions", "has_log"];

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function jobWidget() {
  const clock = new KernelClock();
  const openSections = new Map<string, boolean>();
  const choices = new Map<string, string>();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(model);

  function render({ model, el }: RenderContext): () => void {
    const view = createJobView({
      kernelNow: () => clock.now(),
      browserNow,
      send: (message) => send(model, message),
      openSections,
      choices,
    });
    let sentMetrics: unknown;
    let metrics: readonly Metric[] = [];
    const newestMetrics = (): readonly Metric[] => {
      const value = model.get("metrics");
      if (value !== sentMetrics) [sentMetrics, metrics] = [value, readMetrics(value)];
      return metrics;
    };
    const kernel = watchKernel(model, {
      probe: () => send(model, { kind: "clock" }),
      onChange: () => view.draw(facts()),
      isNeeded: () => !readSnapshot(model.get("snapshot")).hasEnded || readActions(model.get("actions")).length > 0,
    });
    const facts = (): JobViewState => {
      const job = readSnapshot(model.get("snapshot"));
      const sentence = sanitize(String(model.get("sentence") ?? ""), MAX_ANNOUNCEMENT_CHARS);
      // How a job ended does not change any more, whoever is gone.
      const problem = job.hasEnded ? "" : kernel.problem;
      return {
        job: problem ? { ...job, connectionProblem: problem } : job,
        viewModel: readViewModel(model.get("picture")),
        metrics: newestMetrics(),
        announcement: prefixStale(problem, sentence),
        actions: disableAll(readActions(model.get("actions")), kernel),
        hasLog: model.get("has_log") === true,
      };
    };
    const stop = [
      kernel.dispose,
      // The time may be set before or after the snapshot it came with, hence it draws too.
      listen(model, DRAWN_TRAITS.map((name) => `change:${name}`), () => view.draw(facts())),
      listen(model, ["msg:custom"], (message) => view.handleLogMessage(message)),
    ];
    view.draw(facts());
    el.append(view.element);
    // How old the facts of a view are that is opened late, only the kernel can say.
    send(model, { kind: "clock" });
    return () => {
      stop.forEach((undo) => undo());
      view.dispose();
    };
  }

  return { initialize, render };
}
