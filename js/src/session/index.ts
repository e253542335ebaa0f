/** The front-end half of flare_widgets/views/session/view.py: a badge of one session, or a switcher of all. */
import { type Action, readActionsByName } from "../core/actions";
import { type Model, type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { browserNow, type ClockTraits, KernelClock } from "../core/clock";
import { disableAllByName, disabledReason, prefixStale } from "../core/kernel";
import { createKernelBanner } from "../core/kernel-banner";
import { themed } from "../core/theme";
import { asBoolean, asNumber, asText } from "../core/validate";
import { createSessionsView } from "./view";
import { readSessions, type SessionViewModel } from "./view-model";

interface SessionTraits extends ClockTraits {
  readonly sessions: readonly SessionViewModel[];
  readonly current: string;
  readonly can_switch: boolean;
  readonly actions: ReadonlyMap<string, readonly Action[]>;
  readonly label: string;
  readonly empty_text: string;
}

const READERS: TraitReaders<SessionTraits> = {
  sent_at: asNumber,
  sessions: readSessions,
  current: (value) => asText(value),
  can_switch: asBoolean,
  actions: readActionsByName,
  label: (value) => asText(value, 1000),
  empty_text: (value) => asText(value),
};

/** Create the widget of one model; all its views share one estimate of the kernel's clock. */
export default function sessionWidget() {
  const clock = new KernelClock();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(new TypedModel(model, READERS));

  function render(context: RenderContext): () => void {
    const { model, el } = context;
    const traits = new TypedModel(model, READERS);
    const view = createSessionsView({
      kernelNow: () => clock.now(),
      browserNow,
      send: (message) => traits.send({ ...message }),
      use: (name) => traits.send({ kind: "use", name }),
    });
    const kernel = createKernelBanner(
      context,
      view.element,
      () => draw(),
      () => traits.get("can_switch") || traits.get("sessions").some(({ state }) => state !== "closed"),
    );
    const draw = (): void => {
      const sessions = traits.get("sessions");
      const canSwitch = traits.get("can_switch");
      const inTrouble = sessions.filter(({ trouble }) => trouble !== "");
      kernel.draw(inTrouble.map(({ name, trouble }) => (canSwitch ? `${name}: ${trouble}` : trouble)));
      view.draw({
        sessions,
        current: traits.get("current"),
        canSwitch,
        disabledReason: disabledReason(kernel),
        actions: disableAllByName(traits.get("actions"), kernel),
        emptyText: traits.get("empty_text"),
        label: prefixStale(kernel.problem, traits.get("label")),
      });
    };
    const stop = traits.onChange(["sessions", "current", "actions", "sent_at"], draw);
    draw();
    el.append(view.element);
    return () => {
      stop();
      kernel.dispose();
      view.dispose();
    };
  }

  return themed({ initialize, render });
}
