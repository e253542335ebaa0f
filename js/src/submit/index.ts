/** The front-end half of flare_widgets/views/submit/view.py: connects the submit form to its model. */
import { type Action, readActions } from "../core/actions";
import { type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { browserNow } from "../core/clock";
import { disableAll } from "../core/kernel";
import { kernelBanner } from "../core/kernel-banner";
import { createSubmitForm, type SubmitFormState } from "./view";
import {
  type FolderContents,
  type Job,
  readFolderContents,
  readJob,
  readSubmitted,
  readUserAndServer,
  type Submitted,
  type UserAndServer,
} from "./view-model";

interface SubmitTraits {
  readonly session_facts: UserAndServer;
  readonly listing: FolderContents;
  readonly job: Job | null;
  readonly actions: readonly Action[];
  readonly submitted: readonly Submitted[];
}

const READERS: TraitReaders<SubmitTraits> = {
  session_facts: readUserAndServer,
  listing: readFolderContents,
  job: readJob,
  actions: readActions,
  submitted: readSubmitted,
};

export default {
  render({ model, el }: RenderContext): () => void {
    const traits = new TypedModel(model, READERS);
    const view = createSubmitForm({ now: browserNow, send: (message) => traits.send({ ...message }) });
    const kernel = kernelBanner(
      model,
      el,
      view.element,
      () => scheduleDraw(),
      // Without its session the form offers no actions.
      () => traits.get("actions").length > 0,
    );
    const state = (): SubmitFormState => ({
      userAndServer: traits.get("session_facts"),
      contents: traits.get("listing"),
      job: traits.get("job"),
      actions: disableAll(traits.get("actions"), kernel),
      submitted: traits.get("submitted"),
    });
    // One redraw for all traits that change together.
    let isScheduled = false;
    const scheduleDraw = (): void => {
      if (isScheduled) return;
      isScheduled = true;
      queueMicrotask(() => {
        isScheduled = false;
        view.draw(state());
      });
    };
    const stop = traits.onChange(["session_facts", "listing", "job", "actions", "submitted"], scheduleDraw);
    view.draw(state());
    el.append(view.element);
    return () => {
      stop();
      kernel.dispose();
      view.dispose();
    };
  },
};
