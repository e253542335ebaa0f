/** The submit form, composed of its parts. Independent of anywidget and of kernels. */
import { type Action, type ActionMessage, createActionBar } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { h, setVisible, whenChanged } from "../core/dom";
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
}

export interface SubmitForm {
  readonly element: HTMLElement;
  draw(next: SubmitFormState): void;
  dispose(): void;
}

const TICK_MS = 500;

export function createSubmitForm({ now, send }: SubmitViewOptions): SubmitForm {
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
  const actionBar = createActionBar({ send, announce: announcer.announce, now });
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
        return h("li", {}, "submitted ", h("strong", {}, submitted.name), " as ", id, " ", time);
      }),
    );
    setVisible(history, jobs.length > 0);
  });

  function draw(next: SubmitFormState): void {
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
