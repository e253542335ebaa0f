/** The front-end half of flare_widgets/views/faults/view.py: connects the faults view to its model. */
import { type Model, type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { browserNow, type ClockTraits, KernelClock } from "../core/clock";
import { disableAll, prefixStale } from "../core/kernel";
import { createKernelBanner } from "../core/kernel-banner";
import { themed } from "../core/theme";
import { asNumber, asText } from "../core/validate";
import { type ProcessRow, readProcessRows } from "./process-rows";
import { createFaultsView, type FaultsViewState } from "./view";

const MAX_TITLE_CHARS = 64;
const MAX_ANNOUNCEMENT_CHARS = 1000;

interface FaultsTraits extends ClockTraits {
  readonly title: string;
  readonly rows: readonly ProcessRow[];
  readonly label: string;
}

const READERS: TraitReaders<FaultsTraits> = {
  sent_at: asNumber,
  title: (value) => asText(value, MAX_TITLE_CHARS),
  rows: readProcessRows,
  label: (value) => asText(value, MAX_ANNOUNCEMENT_CHARS),
};

/** Create the widget of one model; all its views share one estimate of the kernel's clock. */
export default function faultsWidget() {
  const clock = new KernelClock();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(new TypedModel(model, READERS));

  function render(context: RenderContext): () => void {
    const { model, el } = context;
    const traits = new TypedModel(model, READERS);
    const view = createFaultsView({
      kernelNow: () => clock.now(),
      browserNow,
      send: (message) => traits.send(message),
    });
    const kernel = createKernelBanner(
      context,
      view.element,
      () => view.draw(state()),
      // A federation that has ended offers no actions.
      () => traits.get("rows").some(({ actions }) => actions.length > 0),
    );
    const state = (): FaultsViewState => ({
      title: traits.get("title"),
      announcement: traits.get("label"),
      label: prefixStale(kernel.problem, traits.get("label")),
      rows: traits.get("rows").map((row) => ({ ...row, actions: disableAll(row.actions, kernel) })),
    });
    const stop = traits.onChange(["rows", "label"], () => view.draw(state()));
    view.draw(state());
    el.append(view.element);
    return () => {
      stop();
      kernel.dispose();
      view.dispose();
    };
  }

  return themed({ initialize, render });
}
