/** The front-end half of flare_widgets/views/job/view.py: connects the job view to its model. */
import { type Action, readActions } from "../core/actions";
import { type Model, type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { browserNow, type ClockTraits, KernelClock } from "../core/clock";
import { disableAll, prefixStale, watchKernel } from "../core/kernel";
import { asBoolean, asNumber, asText } from "../core/validate";
import { type Metric, readMetrics } from "./metrics";
import { type JobSnapshot, readSnapshot } from "./snapshot";
import { createJobView, type JobViewState } from "./view";
import { type JobViewModel, readViewModel } from "./view-model";

/** Longest announcement, in characters: a screen reader takes minutes for more. */
const MAX_ANNOUNCEMENT_CHARS = 1000;

interface JobTraits extends ClockTraits {
  readonly snapshot: JobSnapshot;
  readonly picture: JobViewModel;
  readonly metrics: readonly Metric[];
  readonly sentence: string;
  readonly actions: readonly Action[];
  readonly has_log: boolean;
}

const READERS: TraitReaders<JobTraits> = {
  sent_at: asNumber,
  snapshot: readSnapshot,
  picture: readViewModel,
  metrics: readMetrics,
  sentence: (value) => asText(value, MAX_ANNOUNCEMENT_CHARS),
  actions: readActions,
  has_log: asBoolean,
};

/** Create the widget of one model; all its views share one estimate of the kernel's clock. */
export default function jobWidget() {
  const clock = new KernelClock();
  const openSections = new Map<string, boolean>();
  const choices = new Map<string, string>();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(new TypedModel(model, READERS));

  function render({ model, el }: RenderContext): () => void {
    const traits = new TypedModel(model, READERS);
    const view = createJobView({
      kernelNow: () => clock.now(),
      browserNow,
      send: (message) => traits.send(message),
      openSections,
      choices,
    });
    const kernel = watchKernel(model, {
      probe: () => traits.send({ kind: "clock" }),
      onChange: () => view.draw(state()),
      isNeeded: () => !traits.get("snapshot").hasEnded || traits.get("actions").length > 0,
    });
    const state = (): JobViewState => {
      const job = traits.get("snapshot");
      // The outcome of an ended job no longer changes, even without a kernel.
      const problem = job.hasEnded ? "" : kernel.problem;
      return {
        job: problem ? { ...job, connectionProblem: problem } : job,
        viewModel: traits.get("picture"),
        metrics: traits.get("metrics"),
        announcement: prefixStale(problem, traits.get("sentence")),
        actions: disableAll(traits.get("actions"), kernel),
        hasLog: traits.get("has_log"),
      };
    };
    const stop = [
      kernel.dispose,
      // `sent_at` may be set before or after the snapshot that came with it, so it also triggers a redraw.
      traits.onChange(["snapshot", "picture", "metrics", "sent_at", "actions", "has_log"], () => view.draw(state())),
      traits.onMessage((message) => view.handleLogMessage(message)),
    ];
    view.draw(state());
    el.append(view.element);
    // Only the kernel can tell a view that is opened late how old its data is.
    traits.send({ kind: "clock" });
    return () => {
      stop.forEach((undo) => undo());
      view.dispose();
    };
  }

  return { initialize, render };
}
