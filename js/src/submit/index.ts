/** The browser's half of flare_widgets.views.submit.SubmitForm: its traits and messages, joined to the view. */
import { readActions } from "../core/actions";
import { browserNow } from "../core/clock";
import { type RenderContext, listen, tell } from "../core/anywidget-model";
import { doable } from "../core/kernel";
import { kernelNote } from "../core/kernel-banner";
import { readJob, readPlace, readSubmitted, readWho } from "./view-model";
import { type SubmitFacts, submitView } from "./view";

const TRAITS = ["session_facts", "place", "job", "actions", "submitted"] as const;

export default {
  render({ model, el }: RenderContext): () => void {
    const view = submitView({ now: browserNow, tell: (wish) => tell(model, { ...wish }) });
    const kernel = kernelNote(
      model,
      view.element,
      () => soon(),
      // Without its session the form offers nothing.
      () => readActions(model.get("actions")).length > 0,
    );
    const facts = (): SubmitFacts => ({
      who: readWho(model.get("session_facts")),
      place: readPlace(model.get("place")),
      job: readJob(model.get("job")),
      actions: doable(readActions(model.get("actions")), kernel),
      submitted: readSubmitted(model.get("submitted")),
    });
    // Drawn once for all traits that change together.
    let due = false;
    const soon = (): void => {
      if (due) return;
      due = true;
      queueMicrotask(() => {
        due = false;
        view.draw(facts());
      });
    };
    const undo = listen(
      model,
      TRAITS.map((name) => `change:${name}`),
      soon,
    );
    view.draw(facts());
    el.append(view.element);
    return () => {
      undo();
      kernel.dispose();
      view.dispose();
    };
  },
};
