/** The front-end half of flare_widgets/views/system/view.py: connects the system view to its model. */
import { type Action, readActionsByName } from "../core/actions";
import { type Model, type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { browserNow, type ClockTraits, KernelClock } from "../core/clock";
import { disableAllByName, prefixStale, watchKernel } from "../core/kernel";
import { offerTab } from "../core/open-in-tab";
import { themed } from "../core/theme";
import { asNumber, asText } from "../core/validate";
import { reportVisibility } from "../core/visibility";
import { createSystemView } from "./view";
import { readViewModel, type SystemViewModel, type SystemViewState } from "./view-model";

interface SystemTraits extends ClockTraits {
  readonly view_model: SystemViewModel;
  readonly label: string;
  readonly actions: ReadonlyMap<string, readonly Action[]>;
}

const READERS: TraitReaders<SystemTraits> = {
  sent_at: asNumber,
  view_model: readViewModel,
  label: (value) => asText(value, 1000),
  actions: readActionsByName,
};

/** Create the widget of one model; all its views share one estimate of the kernel's clock. */
export default function systemWidget() {
  const clock = new KernelClock();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(new TypedModel(model, READERS));

  function render(context: RenderContext): () => void {
    const { model, el } = context;
    const traits = new TypedModel(model, READERS);
    const view = createSystemView({
      kernelNow: () => clock.now(),
      browserNow,
      requestDetails: () => traits.send({ kind: "request_details" }),
      showActions: (name) => traits.send({ kind: "show_actions", name }),
      send: (message) => traits.send({ ...message }),
    });
    const kernel = watchKernel(context, {
      onChange: () => view.draw(state()),
    });
    const state = (): SystemViewState => {
      const system = traits.get("view_model");
      const { problem } = kernel;
      return {
        system,
        kernelProblem: problem,
        confirmedAt: problem && system.updatedAt !== null ? system.updatedAt : Number.POSITIVE_INFINITY,
        label: prefixStale(problem, traits.get("label")),
        actions: disableAllByName(traits.get("actions"), kernel),
      };
    };
    const stop = [
      kernel.dispose,
      offerTab(context, view.element.querySelector(".flw-head")),
      traits.onChange(["view_model", "actions", "sent_at"], () => view.draw(state())),
      reportVisibility(model, view.element),
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
