/** The submit form: parts put together, and kept up to date. Knows nothing of anywidget or of kernels. */
import { type Action, type Wish, actionBar } from "../core/actions";
import { announcer } from "../core/announcer";
import { h, show, whenChanged } from "../core/dom";
import { SHORT_ID } from "../core/text";
import { exactMoment, isoMoment, moment } from "../core/time";
import type { Job, Place, Submitted, Who } from "./view-model";
import { folderBrowser } from "./parts/folder-browser";
import { chosen } from "./parts/chosen-job";

export interface SubmitFacts {
  readonly who: Who;
  readonly place: Place;
  readonly job: Job | null;
  readonly actions: readonly Action[];
  readonly submitted: readonly Submitted[];
}

/** What the user may want, besides submitting. */
export type FormWish =
  | { readonly kind: "go"; readonly id: number }
  | { readonly kind: "type"; readonly path: string }
  | { readonly kind: "again" }
  | { readonly kind: "back" };

export interface SubmitViewOptions {
  /** The browser's clock, in seconds. */
  readonly now: () => number;
  readonly tell: (wish: Wish | FormWish) => void;
}

export interface SubmitView {
  readonly element: HTMLElement;
  draw(next: SubmitFacts): void;
  dispose(): void;
}

const TICK = 500;

export function submitView({ now, tell }: SubmitViewOptions): SubmitView {
  const voice = announcer();
  const who = h("div", { class: "flw-facts" });
  const folders = folderBrowser({ go: (id) => tell({ kind: "go", id }), type: (path) => tell({ kind: "type", path }) });
  const job = chosen({
    again: () => tell({ kind: "again" }),
    back: () => tell({ kind: "back" }),
    announce: voice.say,
  });
  const bar = actionBar({ tell, announce: voice.say, clock: now });
  const history = h("ul", { class: "flw-submitted", role: "list", "aria-label": "submitted jobs" });
  const element = h(
    "div",
    { class: "flw-submit flw-live", role: "group", tabindex: "-1", "aria-label": "submit a job" },
    h("div", { class: "flw-head" }, h("strong", { class: "flw-name" }, "Submit a job")),
    who,
    folders.element,
    job.element,
    bar.element,
    history,
    voice.element,
  );
  let latest: SubmitFacts | undefined;

  const drawWho = whenChanged((facts: Who) => {
    const parts = [facts.username, facts.address, facts.study && `study ${facts.study}`];
    who.replaceChildren(...parts.filter(Boolean).map((words) => h("span", {}, words)));
  });
  const drawHistory = whenChanged((jobs: readonly Submitted[]) => {
    history.replaceChildren(
      ...jobs.map((one) => {
        const time = h("time", { datetime: isoMoment(one.at), title: exactMoment(one.at) }, moment(one.at, now()));
        const id = h("span", { class: "flw-id", title: one.jobId }, one.jobId.slice(0, SHORT_ID));
        return h("li", {}, "submitted ", h("strong", {}, one.name), " as ", id, " ", time);
      }),
    );
    show(history, jobs.length > 0);
  });

  function draw(next: SubmitFacts): void {
    const had = latest?.job ?? null;
    const focused = element.contains((element.getRootNode() as Document | ShadowRoot).activeElement);
    latest = next;
    drawWho(next.who);
    folders.draw(next.place);
    job.draw(next.job);
    show(folders.element, next.job === null);
    show(bar.element, next.job !== null);
    drawHistory(next.submitted);
    bar.draw(next.actions, now());
    // The focus must not fall out of the form when one part gives way to the other.
    if (focused && (had === null) !== (next.job === null)) (next.job ? job : folders).focus();
  }

  const ticker = setInterval(() => {
    if (latest && bar.waiting()) bar.draw(latest.actions, now());
  }, TICK);

  return {
    element,
    draw,
    dispose() {
      clearInterval(ticker);
      element.remove();
    },
  };
}
