/** The browser's half of flare_widgets.views.jobs.JobsView: its traits, rows and messages, joined to the view. */
import { readActions } from "../core/actions";
import { KernelClock, browserNow } from "../core/clock";
import { h } from "../core/dom";
import { RowSync } from "../core/row-sync";
import { type Model, type RenderContext, listen, send } from "../core/anywidget-model";
import { disableAll, watchKernel } from "../core/kernel";
import { sanitize } from "../core/text";
import { reportVisibility } from "../core/visibility";
import { createNestedWidget } from "./nested-widget";
import { type ListedJob, readListedJob } from "./listed-job";
import { createJobsView } from "./view";


/** Called once for each model; all its views share the rows and one idea of the kernel's clock. */
export default function jobsWidget() {
  const clock = new KernelClock();
  let rowSync: RowSync<ListedJob> | undefined;

  function initialize({ model }: { model: Model }): () => void {
    const rows = new RowSync<ListedJob>({ parseRow: readListedJob, send: (message) => send(model, message) });
    rowSync = rows;
    const stop = [
      clock.follow(model),
      listen(model, ["change:seq"], () => rows.expect(model.get("seq"))),
      listen(model, ["msg:custom"], (message) => rows.handleMessage(message)),
    ];
    rows.start();
    return () => {
      stop.forEach((undo) => undo());
      rows.dispose();
    };
  }

  function render({ model, el }: RenderContext): () => void {
    const view = createJobsView({
      kernelNow: () => clock.now(),
      browserNow,
      send: (message, jobs) => send(model, { ...message, arguments: { jobs } }),
    });
    const below = createNestedWidget(model, () => send(model, { kind: "shut" }));
    let rows: readonly ListedJob[] | undefined = rowSync?.isKnown ? [...rowSync.rows.values()] : undefined;
    const kernel = watchKernel(model, {
      probe: () => send(model, { kind: "clock" }),
      onChange: () => draw(),
      isNeeded: () => model.get("ended") !== true,
    });
    const draw = (): void => {
      const factsAt = model.get("facts_at");
      const ended = model.get("ended") === true;
      view.draw({
        jobs: rows,
        study: sanitize(String(model.get("study") ?? "")),
        updatedAt: typeof factsAt === "number" && factsAt > 0 ? factsAt : null,
        connectionProblem: (ended ? "" : kernel.problem) || sanitize(String(model.get("trouble") ?? ""), 500),
        hasEnded: ended,
        actions: disableAll(readActions(model.get("actions")), kernel),
      });
    };
    const stop = [
      kernel.dispose,
      listen(model, ["change:facts_at", "change:sent_at", "change:trouble", "change:actions", "change:ended"], draw),
      listen(model, ["change:below"], () => below.draw(model.get("below"))),
      rowSync?.subscribe(() => {
        rows = [...(rowSync?.rows.values() ?? [])];
        draw();
      }),
      reportVisibility(model, el),
    ];
    draw();
    el.append(h("div", {}, view.element, below.element));
    below.draw(model.get("below"));
    send(model, { kind: "clock" });
    return () => {
      stop.forEach((undo) => undo?.());
      below.dispose();
      view.dispose();
    };
  }

  return { initialize, render };
}
