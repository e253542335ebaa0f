/** The front-end half of flare_widgets/views/submit/view.py: connects the submit form to its model. */
import { type Action, readActions } from "../core/actions";
import { type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { browserNow } from "../core/clock";
import { disableAll } from "../core/kernel";
import { createKernelBanner } from "../core/kernel-banner";
import { placeOf } from "../core/place";
import { themed } from "../core/theme";
import { asText } from "../core/validate";
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
  /** A sentence if the session has no connection; else empty. */
  readonly connection_problem: string;
}

const READERS: TraitReaders<SubmitTraits> = {
  session_facts: readUserAndServer,
  listing: readFolderContents,
  job: readJob,
  actions: readActions,
  submitted: readSubmitted,
  connection_problem: (value) => asText(value, 500),
};

export default themed({
  render(context: RenderContext): () => void {
    const { model, el } = context;
    const traits = new TypedModel(model, READERS);
    const view = createSubmitForm({
      now: browserNow,
      place: placeOf(context),
      send: (message) => traits.send({ ...message }),
    });
    const kernel = createKernelBanner(
      context,
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
    const draw = (): void => {
      kernel.draw([traits.get("connection_problem")]);
      view.draw(state());
    };
    // One redraw for all traits that change together.
    let isScheduled = false;
    const scheduleDraw = (): void => {
      if (isScheduled) return;
      isScheduled = true;
      queueMicrotask(() => {
        isScheduled = false;
        draw();
      });
    };
    const shown = ["session_facts", "listing", "job", "actions", "submitted", "connection_problem"] as const;
    const stop = traits.onChange(shown, scheduleDraw);
    draw();
    el.append(view.element);
    return () => {
      stop();
      kernel.dispose();
      view.dispose();
    };
  },
});
