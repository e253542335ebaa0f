/** The browser's half of flare_widgets.views.submit.SubmitForm: its traits and messages, joined to the view. */
import { readActions } from "../core/actions";
import { browserNow } from "../core/clock";
import { type RenderContext, listen, send } from "../core/anywidget-model";
import { disableAll } from "../core/kernel";
import { kernelBanner } from "../core/kernel-banner";
import { readJob, readFolderContents, readSubmitted, readUserAndServer } from "./view-model";
import { type SubmitFormState, createSubmitForm } from "./view";

const DRAWN_TRAITS = ["session_facts", "place", "job", "actions", "submitted"] as const;

export default {
  render({ model, el }: RenderContext): () => void {
    const view = createSubmitForm({ now: browserNow, send: (message) => send(model, { ...message }) });
    const kernel = kernelBanner(
      model,
      view.element,
      () => soon(),
      // Without its session the form offers nothing.
      () => readActions(model.get("actions")).length > 0,
    );
    const facts = (): SubmitFormState => ({
      userAndServer: readUserAndServer(model.get("session_facts")),
      contents: readFolderContents(model.get("place")),
      job: readJob(model.get("job")),
      actions: disableAll(readActions(model.get("actions")), kernel),
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
      DRAWN_TRAITS.map((name) => `change:${name}`),
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
