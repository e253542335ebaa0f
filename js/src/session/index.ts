/** The browser's half of flare_widgets.views.session: a badge of one session, or a switcher of all. */
import { type Action, readActions } from "../lib/actions";
import { KernelClock } from "../lib/clock";
import { type Model, type RenderContext, listen } from "../lib/host";
import { record } from "../lib/plain";
import { clean } from "../lib/text";
import { sessionsView } from "./view";
import { readSessions } from "./words";

const TRAITS = ["sessions", "current", "actions", "sent_at"] as const;

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function sessionWidget() {
  const browserNow = (): number => Date.now() / 1000;
  const clock = new KernelClock(browserNow);

  function initialize({ model }: { model: Model }): () => void {
    clock.atLeast(model.get("sent_at"));
    const stop = [
      listen(model, ["change:sent_at"], () => clock.sample(model.get("sent_at"))),
      listen(model, ["msg:custom"], (message) => {
        const { kind, now } = (message ?? {}) as { kind?: unknown; now?: unknown };
        if (kind === "clock") clock.sample(now);
      }),
    ];
    return () => stop.forEach((undo) => undo());
  }

  function render({ model, el }: RenderContext): () => void {
    const view = sessionsView({
      kernelNow: () => clock.now(),
      browserNow,
      tell: (wish) => tell(model, { ...wish }),
      use: (name) => tell(model, { kind: "use", name }),
    });
    const draw = (): void =>
      view.draw({
        sessions: readSessions(model.get("sessions")),
        current: clean(String(model.get("current") ?? "")),
        switches: model.get("switches") === true,
        actions: actionsOf(model.get("actions")),
        sentence: clean(String(model.get("sentence") ?? ""), 1000),
      });
    const undo = listen(
      model,
      TRAITS.map((name) => `change:${name}`),
      draw,
    );
    draw();
    el.append(view.element);
    tell(model, { kind: "clock" });
    return () => {
      undo();
      view.dispose();
    };
  }

  return { initialize, render };
}

function actionsOf(value: unknown): ReadonlyMap<string, readonly Action[]> {
  return new Map(Object.entries(record(value)).map(([name, actions]) => [clean(name), readActions(actions)]));
}

/** Send the kernel a wish. Without a kernel it goes nowhere. */
function tell(model: Model, wish: Record<string, unknown>): void {
  try {
    model.send(wish);
  } catch (error) {
    console.debug("flare-widgets: the kernel cannot be reached", error);
  }
}
