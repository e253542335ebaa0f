/** The front-end half of flare_widgets/views/results/view.py: connects the view of a result to its model. */
import { type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { browserNow } from "../core/clock";
import { watchKernel } from "../core/kernel";
import { offerTab } from "../core/open-in-tab";
import { themed } from "../core/theme";
import { asRecord, asText } from "../core/validate";
import { type Metric, readMetrics } from "../job/metrics";
import { readTables, type ValueTable } from "../job/tables";
import { disableFileActions, type FileActions, readFileActions } from "./parts/file-actions";
import { createResultView, type Heading, type ResultViewState } from "./view";
import { type Contents, readContents } from "./view-model";

interface ResultTraits {
  readonly heading: Heading;
  readonly contents: Contents;
  readonly metrics: readonly Metric[];
  readonly hidden_metrics: string;
  readonly evaluation: readonly ValueTable[];
  readonly statistics: readonly ValueTable[];
  readonly file_actions: FileActions;
}

const READERS: TraitReaders<ResultTraits> = {
  heading: readHeading,
  contents: readContents,
  metrics: readMetrics,
  hidden_metrics: (value) => asText(value),
  evaluation: readTables,
  statistics: readTables,
  file_actions: readFileActions,
};

function readHeading(value: unknown): Heading {
  const raw = asRecord(value);
  return {
    name: asText(raw["name"], 300),
    jobId: asText(raw["job_id"]),
    place: asText(raw["place"], 1000),
    folder: asText(raw["folder"], 1000),
  };
}

/** Create the widget of one model. */
export default function resultsWidget() {
  const openSections = new Map<string, boolean>();

  function render(context: RenderContext): () => void {
    const { model, el } = context;
    const traits = new TypedModel(model, READERS);
    const view = createResultView({
      browserNow,
      send: (message) => traits.send(message),
      openSections,
      showFolder: context.place?.showFolder,
    });
    const kernel = watchKernel(context, {
      onChange: () => view.draw(state()),
      isAtRest: () => true,
    });
    const state = (): ResultViewState => ({
      heading: traits.get("heading"),
      contents: traits.get("contents"),
      metrics: traits.get("metrics"),
      hiddenMetrics: traits.get("hidden_metrics"),
      evaluation: traits.get("evaluation"),
      statistics: traits.get("statistics"),
      // A result does not change: only its buttons need the kernel.
      fileActions: disableFileActions(traits.get("file_actions"), kernel),
    });
    const stop = [
      kernel.dispose,
      offerTab(context, view.element.querySelector(".flw-head")),
      traits.onChange(["contents", "metrics", "evaluation", "statistics", "file_actions", "heading"], () =>
        view.draw(state()),
      ),
    ];
    view.draw(state());
    el.append(view.element);
    return () => {
      stop.forEach((undo) => undo());
      view.dispose();
    };
  }

  return themed({ render });
}
