/** The browser's half of flare_widgets.views.jobs.JobsView: its traits, rows and messages, joined to the view. */
import { readActions } from "../core/actions";
import { KernelClock, browserNow } from "../core/clock";
import { h } from "../core/dom";
import { Feed } from "../core/row-sync";
import { type Model, type RenderContext, listen, tell } from "../core/anywidget-model";
import { doable, watchKernel } from "../core/kernel";
import { clean } from "../core/text";
import { tellSight } from "../core/visibility";
import { childView } from "./nested-widget";
import { type ListedJob, readJob } from "./listed-job";
import { jobsView } from "./view";


/** Called once for each model; all its views share the rows and one idea of the kernel's clock. */
export default function jobsWidget() {
  const clock = new KernelClock();
  let feed: Feed<ListedJob> | undefined;

  function initialize({ model }: { model: Model }): () => void {
    const rows = new Feed<ListedJob>({ read: readJob, send: (message) => tell(model, message) });
    feed = rows;
    const stop = [
      clock.follow(model),
      listen(model, ["change:seq"], () => rows.expect(model.get("seq"))),
      listen(model, ["msg:custom"], (message) => rows.receive(message)),
    ];
    rows.start();
    return () => {
      stop.forEach((undo) => undo());
      rows.dispose();
    };
  }

  function render({ model, el }: RenderContext): () => void {
    const view = jobsView({
      kernelNow: () => clock.now(),
      browserNow,
      tell: (wish, jobs) => tell(model, { ...wish, arguments: { jobs } }),
    });
    const below = childView(model, () => tell(model, { kind: "shut" }));
    let rows: readonly ListedJob[] | undefined = feed?.known ? [...feed.rows.values()] : undefined;
    const kernel = watchKernel(model, {
      ask: () => tell(model, { kind: "clock" }),
      changed: () => draw(),
      needed: () => model.get("ended") !== true,
    });
    const draw = (): void => {
      const factsAt = model.get("facts_at");
      const ended = model.get("ended") === true;
      view.draw({
        jobs: rows,
        study: clean(String(model.get("study") ?? "")),
        factsAt: typeof factsAt === "number" && factsAt > 0 ? factsAt : null,
        trouble: (ended ? "" : kernel.trouble) || clean(String(model.get("trouble") ?? ""), 500),
        ended,
        actions: doable(readActions(model.get("actions")), kernel),
      });
    };
    const stop = [
      kernel.dispose,
      listen(model, ["change:facts_at", "change:sent_at", "change:trouble", "change:actions", "change:ended"], draw),
      listen(model, ["change:below"], () => below.draw(model.get("below"))),
      feed?.subscribe(() => {
        rows = [...(feed?.rows.values() ?? [])];
        draw();
      }),
      tellSight(model, el),
    ];
    draw();
    el.append(h("div", {}, view.element, below.element));
    below.draw(model.get("below"));
    tell(model, { kind: "clock" });
    return () => {
      stop.forEach((undo) => undo?.());
      below.dispose();
      view.dispose();
    };
  }

  return { initialize, render };
}
