/** The browser's half of flare_widgets.views.session: a badge of one session, or a switcher of all. */
import { type Action, readActions } from "../core/actions";
import { KernelClock, browserNow } from "../core/clock";
import { type Model, type RenderContext, listen, tell } from "../core/anywidget-model";
import { type Kernel, before, doable, whyGrey } from "../core/kernel";
import { kernelNote } from "../core/kernel-banner";
import { record } from "../core/validate";
import { clean } from "../core/text";
import { sessionsView } from "./view";
import { readSessions } from "./view-model";

const TRAITS = ["sessions", "current", "actions", "sent_at"] as const;

/** Called once for each model; all its views share one idea of the kernel's clock. */
export default function sessionWidget() {
  const clock = new KernelClock();

  const initialize = ({ model }: { model: Model }): (() => void) => clock.follow(model);

  function render({ model, el }: RenderContext): () => void {
    const view = sessionsView({
      kernelNow: () => clock.now(),
      browserNow,
      tell: (wish) => tell(model, { ...wish }),
      use: (name) => tell(model, { kind: "use", name }),
    });
    const switches = (): boolean => model.get("switches") === true;
    const kernel = kernelNote(
      model,
      view.element,
      () => draw(),
      () => switches() || readSessions(model.get("sessions")).some(({ state }) => state !== "closed"),
    );
    const draw = (): void =>
      view.draw({
        sessions: readSessions(model.get("sessions")),
        current: clean(String(model.get("current") ?? "")),
        switches: switches(),
        grey: whyGrey(kernel),
        actions: actionsOf(model.get("actions"), kernel),
        sentence: before(kernel.trouble, clean(String(model.get("sentence") ?? ""), 1000)),
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
      kernel.dispose();
      view.dispose();
    };
  }

  return { initialize, render };
}

function actionsOf(value: unknown, kernel: Kernel): ReadonlyMap<string, readonly Action[]> {
  const all = Object.entries(record(value));
  return new Map(all.map(([name, actions]) => [clean(name), doable(readActions(actions), kernel)]));
}
