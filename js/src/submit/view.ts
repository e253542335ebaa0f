/** The submit form, composed of its parts. Independent of anywidget and of kernels. */
import { type Action, type ActionMessage, createActionBar } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { h, setVisible, whenChanged } from "../core/dom";
import type { Place } from "../core/place";
import { SHORT_ID_LENGTH } from "../core/text";
import { formatExactTime, formatTime, toIsoTime } from "../core/time";
import { createChosenJob } from "./parts/chosen-job";
import { createFolderBrowser } from "./parts/folder-browser";
import type { FolderContents, Job, Submitted, UserAndServer } from "./view-model";

export interface SubmitFormState {
  readonly userAndServer: UserAndServer;
  readonly contents: FolderContents;
  readonly job: Job | null;
  readonly actions: readonly Action[];
  readonly submitted: readonly Submitted[];
}

/** A message of the form other than an action. */
export type FormMessage =
  | { readonly kind: "open_folder"; readonly id: number }
  | { readonly kind: "open_path"; readonly path: string }
  | { readonly kind: "recheck" }
  | { readonly kind: "back" };

export interface SubmitViewOptions {
  /** The browser's clock, in seconds. */
  readonly now: () => number;
  readonly send: (message: ActionMessage | FormMessage) => void;
  readonly place: Place;
}

export interface SubmitForm {
  readonly element: HTMLElement;
  draw(next: SubmitFormState): void;
  dispose(): void;
}

const TICK_MS = 500;

export function createSubmitForm({ now, send, place }: SubmitViewOptions): SubmitForm {
  const announcer = createAnnouncer();
  const userAndServer = h("div", { class: "flw-facts" });
  const folders = createFolderBrowser({
    go: (id) => send({ kind: "open_folder", id }),
    openPath: (path) => send({ kind: "open_path", path }),
  });
  const job = createChosenJob({
    recheck: () => send({ kind: "recheck" }),
    back: () => send({ kind: "back" }),
    announce: announcer.announce,
  });
  const actionBar = createActionBar({ send: sendAction, announce: announcer.announce, now });
  const history = h("ul", { class: "flw-submitted", role: "list", "aria-label": "submitted jobs" });
  const element = h(
    "div",
    { class: "flw-submit flw-live", role: "group", tabindex: "-1", "aria-label": "submit a job" },
    h("div", { class: "flw-head" }, h("strong", { class: "flw-name" }, "Submit a job")),
    userAndServer,
    folders.element,
    job.element,
    actionBar.element,
    history,
    announcer.element,
  );
  let latest: SubmitFormState | undefined;
  /** The next job is submitted from here, not from another page that shows this form. */
  let isSubmitting = false;

  const drawWho = whenChanged((facts: UserAndServer) => {
    const parts = [facts.username, facts.address, facts.study && `study ${facts.study}`];
    userAndServer.replaceChildren(...parts.filter(Boolean).map((words) => h("span", {}, words)));
  });
  const drawHistory = whenChanged((jobs: readonly Submitted[]) => {
    history.replaceChildren(
      ...jobs.map((submitted) => {
        const time = h(
          "time",
          { datetime: toIsoTime(submitted.at), title: formatExactTime(submitted.at) },
          formatTime(submitted.at, now()),
        );
        const id = h("span", { class: "flw-id", title: submitted.jobId }, submitted.jobId.slice(0, SHORT_ID_LENGTH));
        const name = place.open ? createOpenButton(submitted) : h("strong", {}, submitted.name);
        return h("li", {}, "submitted ", name, " as ", id, " ", time);
      }),
    );
    setVisible(history, jobs.length > 0);
  });

  function createOpenButton({ name, jobId }: Submitted): HTMLElement {
    const button = h("button", { class: "flw-open-job", type: "button", title: "Open the job" }, name);
    button.addEventListener("click", () => openJob(jobId));
    return button;
  }

  function openJob(jobId: string): void {
    place.open?.({ kind: "job", args: { job: jobId } });
  }

  function sendAction(message: ActionMessage): void {
    isSubmitting = message.kind === "start";
    send(message);
  }

  /** Open a job that has just been submitted in a tab; a notebook shows it below the form. */
  function openNewest({ submitted: before }: SubmitFormState, { submitted }: SubmitFormState): void {
    const [newest] = submitted;
    if (!isSubmitting || !newest || before.some(({ jobId }) => jobId === newest.jobId)) return;
    isSubmitting = false;
    openJob(newest.jobId);
  }

  function draw(next: SubmitFormState): void {
    if (latest) openNewest(latest, next);
    const previousJob = latest?.job ?? null;
    const focused = element.contains((element.getRootNode() as Document | ShadowRoot).activeElement);
    latest = next;
    drawWho(next.userAndServer);
    folders.draw(next.contents);
    job.draw(next.job);
    setVisible(folders.element, next.job === null);
    setVisible(actionBar.element, next.job !== null);
    drawHistory(next.submitted);
    actionBar.draw(next.actions, now());
    // Keep the focus in the form when one part replaces the other.
    if (focused && (previousJob === null) !== (next.job === null)) (next.job ? job : folders).focus();
  }

  const ticker = setInterval(() => {
    if (latest && actionBar.isWaiting()) actionBar.draw(latest.actions, now());
  }, TICK_MS);

  return {
    element,
    draw,
    dispose() {
      clearInterval(ticker);
      element.remove();
    },
  };
}
