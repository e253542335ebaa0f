/** The front-end half of flare_widgets/views/jobs/view.py: connects the table of jobs to its model. */
import { type Action, readActions } from "../core/actions";
import { type Model, type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { browserNow, type ClockTraits, KernelClock } from "../core/clock";
import { h } from "../core/dom";
import { disableAll, KERNEL_LOST, watchKernel } from "../core/kernel";
import { offerTab } from "../core/open-in-tab";
import { placeOf } from "../core/place";
import { RowSync } from "../core/row-sync";
import { themed } from "../core/theme";
import { asBoolean, asNumber, asText } from "../core/validate";
import { reportVisibility } from "../core/visibility";
import { type ListedJob, readListedJob } from "./listed-job";
import { createNestedWidget } from "./nested-widget";
import { createJobsView } from "./view";

interface JobsTraits extends ClockTraits {
  readonly study: string;
  readonly updated_at: number | null;
  readonly connection_problem: string;
  readonly connection_label: string;
  readonly is_paused: boolean;
  readonly has_ended: boolean;
  readonly seq: number | null;
  readonly nested: string;
  readonly actions: readonly Action[];
}

const READERS: TraitReaders<JobsTraits> = {
  sent_at: asNumber,
  study: asText,
  updated_at: asNumber,
  connection_problem: (value) => asText(value, 500),
  connection_label: (value) => asText(value),
  is_paused: asBoolean,
  has_ended: asBoolean,
  seq: asNumber,
  nested: asText,
  actions: readActions,
};

/** Time between two drawings of a table that is still loading: sorting and filtering a large one takes long. */
const LOADING_DRAW_INTERVAL_S = 1;

/** Create the widget of one model; all its views share the rows and one estimate of the kernel's clock. */
export default function jobsWidget() {
  const clock = new KernelClock();
  let rowSync: RowSync<ListedJob> | undefined;

  function initialize({ model }: { model: Model }): () => void {
    const traits = new TypedModel(model, READERS);
    const rows = new RowSync<ListedJob>({ parseRow: readListedJob, send: (message) => traits.send(message) });
    rowSync = rows;
    const stop = [
      clock.follow(traits),
      traits.onChange(["seq"], () => rows.expect(traits.get("seq"))),
      traits.onMessage((message) => rows.handleMessage(message)),
    ];
    rows.start();
    return () => {
      stop.forEach((undo) => undo());
      rows.dispose();
    };
  }

  function render(context: RenderContext): () => void {
    const { model, el } = context;
    const traits = new TypedModel(model, READERS);
    const place = placeOf(context);
    const view = createJobsView({
      place,
      kernelNow: () => clock.now(),
      browserNow,
      send: (message, jobs) => traits.send({ ...message, arguments: { jobs } }),
    });
    const nested = createNestedWidget(place, () => traits.send({ kind: "close" }));
    let rows: readonly ListedJob[] | undefined;
    let missing = 0;
    let rowsDrawnAt = Number.NEGATIVE_INFINITY;
    const takeRows = (): void => {
      rows = [...(rowSync?.rows.values() ?? [])];
      missing = rowSync?.missing ?? 0;
      rowsDrawnAt = browserNow();
    };
    if (rowSync?.isKnown) takeRows();
    const kernel = watchKernel(context, {
      onChange: () => draw(),
      isNeeded: () => !traits.get("has_ended"),
    });
    const draw = (): void => {
      const updatedAt = traits.get("updated_at");
      const hasEnded = traits.get("has_ended");
      view.draw({
        jobs: rows,
        missing,
        study: traits.get("study"),
        updatedAt: updatedAt !== null && updatedAt > 0 ? updatedAt : null,
        connectionProblem: (hasEnded ? "" : kernel.problem) || traits.get("connection_problem"),
        connectionLabel: !hasEnded && kernel.problem ? KERNEL_LOST : traits.get("connection_label"),
        isPaused: traits.get("is_paused"),
        hasEnded,
        actions: disableAll(traits.get("actions"), kernel),
      });
    };
    const stop = [
      kernel.dispose,
      offerTab(context, view.element.querySelector(".flw-head")),
      traits.onChange(["updated_at", "sent_at", "connection_problem", "is_paused", "actions", "has_ended"], draw),
      traits.onChange(["nested"], () => nested.draw(traits.get("nested"))),
      rowSync?.subscribe(() => {
        const isLoading = missing > 0 && (rowSync?.missing ?? 0) > 0;
        if (isLoading && browserNow() - rowsDrawnAt < LOADING_DRAW_INTERVAL_S) return;
        takeRows();
        draw();
      }),
      reportVisibility(model, el),
    ];
    draw();
    el.append(h("div", {}, view.element, nested.element));
    nested.draw(traits.get("nested"));
    return () => {
      stop.forEach((undo) => undo?.());
      nested.dispose();
      view.dispose();
    };
  }

  return themed({ initialize, render });
}
