/** Last line: what went wrong or was asked for, and the actions. Its height is kept, so that nothing jumps. */
import { h, setText, show } from "../../lib/dom";
import { type AbortPicture, type AbortState, type Wish, abortPicture } from "../abort";
import type { JobSnapshot } from "../snapshot";

export interface FootState {
  readonly job: JobSnapshot;
  readonly possible: boolean;
  readonly state: AbortState;
}

export interface Foot {
  readonly element: HTMLElement;
  /** Draw; `now` is the browser's clock. */
  draw(facts: FootState, now: number): void;
  /** The kernel has reacted: from the next drawing on its word counts. */
  answered(): void;
}

const NO_WISH: Wish = { confirming: false, askedAt: null };

/**
 * @param ask sends the wish to the kernel
 * @param announce tells a screen reader
 * @param clock the browser's clock, in seconds
 */
export function foot(ask: () => void, announce: (words: string) => void, clock: () => number): Foot {
  const trouble = h("span", { class: "flw-trouble" });
  const words = h("span", { class: "flw-abort-words" });
  const message = h("div", { class: "flw-message", tabindex: "-1" }, trouble, words);
  const abort = h("button", { class: "flw-button", type: "button" }, "Abort");
  const yes = h("button", { class: "flw-button flw-danger", type: "button" }, "Yes, abort");
  const no = h("button", { class: "flw-button", type: "button" }, "Keep running");
  const confirm = h(
    "div",
    { class: "flw-confirm", role: "group", "aria-label": "abort this job?" },
    h("span", {}, "Abort job?"),
    yes,
    no,
  );
  const actions = h("div", { class: "flw-actions" }, abort, confirm);
  const element = h("div", { class: "flw-foot" }, message, actions);

  let wish = NO_WISH;
  let latest: FootState | undefined;
  let said = "";

  function draw(facts: FootState, now: number): void {
    latest = facts;
    const { job, possible, state } = facts;
    const picture = abortPicture({ possible, ended: job.ended, state, wish, now });
    if (picture.controls !== "confirm") wish = { ...wish, confirming: false };
    // The focus must not fall out of the view when what it is on disappears.
    const { activeElement } = element.getRootNode() as Document | ShadowRoot;
    const hadFocus = element.contains(activeElement) && activeElement !== message;
    setText(trouble, job.trouble && !job.ended ? job.trouble : "");
    show(trouble, trouble.textContent !== "");
    drawWords(picture);
    show(abort, picture.controls === "button");
    show(confirm, picture.controls === "confirm");
    show(actions, picture.controls !== "none");
    // An ended job has nothing to say here and nothing to offer.
    show(element, !job.ended);
    if (job.ended && element.contains(activeElement)) element.parentElement?.focus({ preventScroll: true });
    else if (hadFocus && picture.controls === "none") message.focus({ preventScroll: true });
  }

  function drawWords(picture: AbortPicture): void {
    words.classList.toggle("flw-failed-words", picture.failed);
    setText(words, picture.failed ? `✕ ${picture.words}` : picture.words);
    show(words, picture.words !== "");
    if (picture.words !== said) {
      said = picture.words;
      if (said) announce(said);
    }
  }

  function change(next: Wish, focus?: HTMLElement): void {
    wish = next;
    if (latest) draw(latest, clock());
    focus?.focus({ preventScroll: true });
  }

  // The focus goes to the harmless answer: a second Enter by mistake must not abort.
  abort.addEventListener("click", () => change({ ...NO_WISH, confirming: true }, no));
  no.addEventListener("click", () => change(NO_WISH, abort));
  yes.addEventListener("click", () => {
    change({ confirming: false, askedAt: clock() }, message);
    ask();
  });
  confirm.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    change(NO_WISH, abort);
  });

  return {
    element,
    draw,
    answered() {
      wish = { ...wish, askedAt: null };
    },
  };
}
