/** The browser's half of flare_widgets.views.session: a badge of one session, or a switcher of all. */
import { type Action, readActions } from "../core/actions";
import { KernelClock, browserNow } from "../core/clock";
import { type Model, type RenderContext, listen, send } from "../core/anywidget-model";
import { type KernelStatus, prefixStale, disableAll, disabledReason } from "../core/kernel";
import { kernelBanner } from "../core/kernel-banner";
import { asRecord } from "../core/validate";
import { sanitize } from "../core/text";
import { createSessionsView } from "./view";
import { readSessions } from "./view-model";

const DRAWN_TRAITS = ["sessions", "current", "actions", "sent_at"] as const;

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function sessionWidget() {
  const clock = new KernelClock();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(model);

  function render({ model, el }: RenderContext): () => void {
    const view = createSessionsView({
      kernelNow: () => clock.now(),
      browserNow,
      send: (message) => send(model, { ...message }),
      use: (name) => send(model, { kind: "use", name }),
    });
    const switches = (): boolean => model.get("switches") === true;
    const kernel = kernelBanner(
      model,
      view.element,
      () => draw(),
      () => switches() || readSessions(model.get("sessions")).some(({ state }) => state !== "closed"),
    );
    const draw = (): void =>
      view.draw({
        sessions: readSessions(model.get("sessions")),
        current: sanitize(String(model.get("current") ?? "")),
        canSwitch: switches(),
        disabledReason: disabledReason(kernel),
        actions: readActionsByName(model.get("actions"), kernel),
        announcement: prefixStale(kernel.problem, sanitize(String(model.get("sentence") ?? ""), 1000)),
      });
    const undo = listen(
      model,
      DRAWN_TRAITS.map((name) => `change:${name}`),
      draw,
    );
    draw();
    el.append(view.element);
    send(model, { kind: "clock" });
    return () => {
      undo();
      kernel.dispose();
      view.dispose();
    };
  }

  return { initialize, render };
}

function readActionsByName(value: unknown, kernel: KernelStatus): ReadonlyMap<string, readonly Action[]> {
  const all = Object.entries(asRecord(value));
  return new Map(all.map(([name, actions]) => [sanitize(name), disableAll(readActions(actions), kernel)]));
}
