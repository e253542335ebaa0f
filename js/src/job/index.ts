/** The front-end half of flare_widgets/views/job/view.py: connects the job view to its model. */
import { type Action, readActions } from "../core/actions";
import { type Model, type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { browserNow, type ClockTraits, KernelClock } from "../core/clock";
import { disableAll, prefixStale, watchKernel } from "../core/kernel";
import { offerTab } from "../core/open-in-tab";
import { followPatches } from "../core/patches";
import { themed } from "../core/theme";
import { asBoolean, asNumber, asText } from "../core/validate";
import { disableFileActions, type FileActions, readFileActions } from "../results/parts/file-actions";
import { type Contents, readContents } from "../results/view-model";
import { type EventList, readEvents } from "./events";
import { type Metric, readMetrics } from "./metrics";
import { readTableSections, type TableSection } from "./tables";
import { createJobView, type JobViewState } from "./view";
import { type JobViewModel, readViewModel } from "./view-model";

/** Longest label, in characters: a screen reader takes minutes for more. */
const MAX_LABEL_CHARS = 1000;

interface JobTraits extends ClockTraits {
  readonly view_model: JobViewModel;
  readonly charts: readonly Metric[];
  readonly hidden_metrics: string;
  readonly tables: readonly TableSection[];
  readonly result: Contents;
  readonly file_actions: FileActions;
  readonly events: EventList;
  readonly label: string;
  readonly actions: readonly Action[];
  readonly has_log: boolean;
}

const READERS: TraitReaders<JobTraits> = {
  sent_at: asNumber,
  view_model: readViewModel,
  charts: readMetrics,
  hidden_metrics: asText,
  tables: readTableSections,
  result: readContents,
  file_actions: readFileActions,
  events: readEvents,
  label: (value) => asText(value, MAX_LABEL_CHARS),
  actions: readActions,
  has_log: asBoolean,
};

/** Create the widget of one model; all its views share one estimate of the kernel's clock. */
export default function jobWidget() {
  const clock = new KernelClock();
  const openSections = new Map<string, boolean>();

  function initialize({ model }: { model: Model }): () => void {
    const stop = [clock.follow(new TypedModel(model, READERS)), followPatches(model)];
    return () => stop.forEach((undo) => undo());
  }

  function render(context: RenderContext): () => void {
    const { model, el } = context;
    const traits = new TypedModel(model, READERS);
    const { open } = context.place ?? {};
    const openResults = open && (() => open({ kind: "results", args: { job: traits.get("view_model").jobId } }));
    const view = createJobView({
      kernelNow: () => clock.now(),
      browserNow,
      send: (message) => traits.send(message),
      openSections,
      openResults,
    });
    const kernel = watchKernel(context, {
      onChange: () => view.draw(state()),
      isNeeded: () => !traits.get("view_model").hasEnded || traits.get("actions").length > 0,
      isAtRest: () => traits.get("view_model").hasEnded,
    });
    const state = (): JobViewState => {
      const job = traits.get("view_model");
      // The outcome of an ended job no longer changes, even without a kernel.
      const problem = job.hasEnded ? "" : kernel.problem;
      return {
        job,
        kernelProblem: problem,
        metrics: traits.get("charts"),
        hiddenMetrics: traits.get("hidden_metrics"),
        tables: traits.get("tables"),
        result: traits.get("result"),
        fileActions: disableFileActions(traits.get("file_actions"), kernel),
        events: traits.get("events"),
        label: prefixStale(problem, traits.get("label")),
        actions: disableAll(traits.get("actions"), kernel),
        hasLog: traits.get("has_log"),
      };
    };
    const stop = [
      kernel.dispose,
      offerTab(context, view.element.querySelector(".flw-head")),
      // `sent_at` may be set before or after the view model that came with it, so it also triggers a redraw.
      traits.onChange(
        ["view_model", "charts", "tables", "result", "file_actions", "events", "sent_at", "actions", "has_log"],
        () => view.draw(state()),
      ),
      traits.onMessage((message) => view.handleLogMessage(message)),
    ];
    view.draw(state());
    el.append(view.element);
    return () => {
      stop.forEach((undo) => undo());
      view.dispose();
    };
  }

  return themed({ initialize, render });
}
