/**
 * What a view offers to do: buttons that ask before they destroy, say why they are grey, how far they are and what
 * came of them. The browser's half of flare_widgets/views/actions.py, whose `Actions.to_json` is the trait `actions`.
 */
import { h, setText, show } from "./dom";
import { list, number, text } from "./validate";

export interface Action {
  readonly name: string;
  readonly label: string;
  readonly danger: boolean;
  /** Why it is grey; empty when it can be done. */
  readonly reason: string;
  /** The question before it is done; empty for none. */
  readonly confirm: string;
  /** What must be typed to say yes; empty for nothing. */
  readonly type: string;
  readonly yes: string;
  readonly no: string;
  readonly cancels: boolean;
  readonly state: "ready" | "asked" | "running" | "done" | "failed";
  readonly words: string;
  readonly progress: number | null;
  /** Grows with each wish that the kernel has taken notice of. */
  readonly turn: number;
}

/** What goes to the kernel. */
export type Wish =
  | { readonly kind: "act"; readonly action: string; readonly typed?: string }
  | { readonly kind: "cancel"; readonly action: string };

const STATES = ["ready", "asked", "running", "done", "failed"] as const;

/** Read the trait `actions`: behind this door all is printable and bounded. */
export function readActions(value: unknown): Action[] {
  return list(value).map((raw) => {
    const words = (key: string): string => text(raw[key], 500);
    return {
      name: words("name"),
      label: words("label"),
      danger: raw["danger"] === true,
      reason: words("reason"),
      confirm: words("confirm"),
      type: words("type"),
      yes: words("yes") || "Yes",
      no: words("no") || "No",
      cancels: raw["cancels"] === true,
      state: STATES.find((state) => state === raw["state"]) ?? "ready",
      words: words("words"),
      progress: number(raw["progress"]),
      turn: number(raw["turn"]) ?? 0,
    };
  });
}

export interface ActionBar {
  readonly element: HTMLElement;
  /** Draw; `now` is the browser's clock in seconds. Call it again every now and then while `waiting()`. */
  draw(actions: readonly Action[], now: number): void;
  /** Whether a wish has been sent and the kernel has not reacted. */
  waiting(): boolean;
}

export interface ActionBarOptions {
  /** Send a wish to the kernel. */
  readonly tell: (wish: Wish) => void;
  /** Tell a screen reader. */
  readonly announce: (words: string) => void;
  /** The browser's clock, in seconds. */
  readonly clock: () => number;
}

/** A message to a kernel that computes waits until the cell is done, and one to a dead kernel for ever. */
const PATIENCE = 3;

interface Sent {
  readonly at: number;
  readonly turn: number;
}

/** A row of actions with what there is to say about them. Its questions are asked in place. */
export function actionBar({ tell, announce, clock }: ActionBarOptions): ActionBar {
  const words = h("div", { class: "flw-action-words", tabindex: "-1" });
  const buttons = h("div", { class: "flw-buttons" });
  const question = new Question(answered);
  const element = h("div", { class: "flw-actions" }, words, buttons, question.element);

  const parts = new Map<string, Button>();
  const lines = new Map<string, Line>();
  const sent = new Map<string, Sent>();
  let latest: readonly Action[] = [];
  let asking = "";
  /** Whose reason was asked for last. */
  let explained = "";

  function draw(actions: readonly Action[], now: number): void {
    latest = actions;
    const focused = focusedIn(element);
    for (const { name, turn } of actions) if ((sent.get(name)?.turn ?? turn) !== turn) sent.delete(name);
    const asked = actions.find(({ name }) => name === asking);
    // The question is pointless when what it asks about has happened, or cannot be done any more.
    if (asking && (!asked || asked.reason || busy(asked) || sent.has(asking))) asking = "";
    keep(parts, actions, buttons, (action) => new Button(action, () => pressed(action.name)));
    keep(lines, actions, words, (action) => new Line(() => cancel(action.name)));
    for (const action of actions) {
      const since = sent.get(action.name);
      const waits = since !== undefined;
      parts.get(action.name)?.draw(action, busy(action) || waits);
      const said = since ? waitWords(action, now - since.at) : lineWords(action, explained);
      if (lines.get(action.name)?.draw(action, said, waits)) announce(said.replace(/^✕ /, ""));
    }
    const open = actions.find(({ name }) => name === asking);
    question.draw(open);
    show(buttons, open === undefined && actions.length > 0);
    // The focus must not fall out of the view when what it is on disappears.
    if (focused && !visible(focused, element)) (rest() ?? words).focus({ preventScroll: true });
  }

  function rest(): HTMLElement | undefined {
    return question.shown ? question.harmless : undefined;
  }

  function again(): void {
    draw(latest, clock());
  }

  function pressed(name: string): void {
    const action = latest.find((one) => one.name === name);
    if (!action || busy(action) || sent.has(name)) return;
    explained = action.reason ? name : "";
    if (action.reason) announce(action.reason);
    else if (action.confirm || action.type) asking = name;
    else send(action);
    again();
    // The harmless answer, or the field: a second Enter by mistake must not destroy anything.
    if (asking === name) question.harmless.focus({ preventScroll: true });
  }

  function answered(yes: boolean, typed: string): void {
    const action = latest.find(({ name }) => name === asking);
    const name = asking;
    asking = "";
    if (yes && action) send(action, typed);
    again();
    if (yes) words.focus({ preventScroll: true });
    else parts.get(name)?.element.focus({ preventScroll: true });
  }

  function send(action: Action, typed = ""): void {
    sent.set(action.name, { at: clock(), turn: action.turn });
    explained = "";
    tell({ kind: "act", action: action.name, ...(action.type ? { typed } : {}) });
  }

  function cancel(name: string): void {
    tell({ kind: "cancel", action: name });
  }

  return { element, draw, waiting: () => sent.size > 0 };
}

function busy({ state }: Action): boolean {
  return state === "asked" || state === "running";
}

function waitWords({ label }: Action, seconds: number): string {
  return seconds > PATIENCE ? `${label}: asked, but the kernel does not answer yet` : `${label}…`;
}

function lineWords(action: Action, explained: string): string {
  if (busy(action)) return action.words ? `${action.label}: ${action.words}` : `${action.label}…`;
  if (action.state === "failed") return `✕ ${action.words}`;
  if (explained === action.name && action.reason) return `${action.label}: ${action.reason}`;
  return action.words;
}

/** Keep one part for each action, in its order. */
function keep<Part extends { readonly element: HTMLElement }>(
  parts: Map<string, Part>,
  actions: readonly Action[],
  parent: HTMLElement,
  make: (action: Action) => Part,
): void {
  const names = actions.map(({ name }) => name);
  if (names.join("\n") === [...parts.keys()].join("\n")) return;
  parts.clear();
  for (const action of actions) parts.set(action.name, make(action));
  parent.replaceChildren(...[...parts.values()].map(({ element }) => element));
}

/** A button that can be grey, and then still be reached, and says why. */
class Button {
  readonly element: HTMLButtonElement;
  readonly #label: HTMLElement;
  readonly #why = h("span", { class: "flw-spoken" });

  constructor(action: Action, pressed: () => void) {
    this.#label = h("span", {}, action.label);
    this.element = h("button", { class: "flw-button", type: "button" }, this.#label, this.#why);
    this.element.addEventListener("click", pressed);
  }

  draw(action: Action, underWay: boolean): void {
    setText(this.#label, action.label);
    setText(this.#why, action.reason ? ` (not possible: ${action.reason})` : "");
    const grey = action.reason !== "" || underWay;
    if (grey) this.element.setAttribute("aria-disabled", "true");
    else this.element.removeAttribute("aria-disabled");
    this.element.title = action.reason;
    this.element.classList.toggle("flw-grey", grey);
    this.element.dataset["action"] = action.name;
  }
}

/** What there is to say about one action. */
class Line {
  readonly element: HTMLElement;
  readonly #text = h("span", {});
  readonly #bar = document.createElement("progress");
  readonly #cancel = h("button", { class: "flw-button", type: "button" }, "Cancel");
  #said = "";
  #state = "";

  constructor(cancel: () => void) {
    this.#bar.max = 1;
    this.element = h("div", { class: "flw-action-line" }, this.#text, this.#bar, this.#cancel);
    this.#cancel.addEventListener("click", cancel);
  }

  /** Draw, and return whether it is something to interrupt a reader for: no number that ticks is. */
  draw(action: Action, said: string, waits: boolean): boolean {
    const news = said !== this.#said && said !== "" && (action.state !== "running" || this.#state !== "running");
    this.#said = said;
    this.#state = action.state;
    setText(this.#text, said);
    this.element.dataset["action"] = action.name;
    this.element.classList.toggle("flw-failed-words", action.state === "failed" && !waits);
    show(this.#bar, action.progress !== null && busy(action));
    if (action.progress !== null) this.#bar.value = action.progress;
    this.#bar.setAttribute("aria-label", action.label);
    show(this.#cancel, busy(action) && action.cancels);
    this.#cancel.setAttribute("aria-label", `Cancel ${action.label}`);
    show(this.element, said !== "");
    return news;
  }
}

/** JupyterLab takes keys for its notebook before we see them, except below this attribute. */
const SHIELD = { "data-lm-suppress-shortcuts": "true" } as const;

/** The question before something is done. */
class Question {
  readonly element: HTMLElement;
  readonly #text = h("span", {});
  readonly #field = document.createElement("input");
  readonly #yes = h("button", { class: "flw-button", type: "button" });
  readonly #no = h("button", { class: "flw-button", type: "button" });
  #type = "";

  constructor(answered: (yes: boolean, typed: string) => void) {
    const yes = (): void => {
      if (this.#ready()) answered(true, this.#field.value.trim());
    };
    this.#field.type = "text";
    this.#field.className = "flw-typed";
    this.#field.autocomplete = "off";
    this.#field.spellcheck = false;
    this.element = h("div", { class: "flw-action-confirm", role: "group", ...SHIELD }, this.#text, this.#field, this.#yes, this.#no);
    this.#yes.addEventListener("click", yes);
    this.#no.addEventListener("click", () => answered(false, ""));
    this.#field.addEventListener("input", () => this.#grey());
    this.element.addEventListener("keydown", (event) => {
      // The notebook has shortcuts of its own for what is typed here.
      event.stopPropagation();
      if (event.key === "Enter" && event.target === this.#field) yes();
      if (event.key !== "Escape") return;
      event.preventDefault();
      answered(false, "");
    });
    show(this.element, false);
  }

  get shown(): boolean {
    return !this.element.hidden;
  }

  /** Where the focus goes: nothing happens there by Enter alone. */
  get harmless(): HTMLElement {
    return this.#type ? this.#field : this.#no;
  }

  draw(action: Action | undefined): void {
    const opened = action !== undefined && this.element.hidden;
    show(this.element, action !== undefined);
    if (!action) return;
    this.#type = action.type;
    setText(this.#text, action.confirm);
    this.element.setAttribute("aria-label", action.confirm);
    show(this.#field, action.type !== "");
    if (opened) this.#field.value = "";
    this.#field.placeholder = action.type;
    this.#field.setAttribute("aria-label", `type ${action.type} to confirm`);
    setText(this.#yes, action.yes);
    setText(this.#no, action.no);
    this.#yes.classList.toggle("flw-danger", action.danger);
    this.#grey();
  }

  #ready(): boolean {
    return this.#type === "" || this.#field.value.trim() === this.#type;
  }

  #grey(): void {
    if (this.#ready()) this.#yes.removeAttribute("aria-disabled");
    else this.#yes.setAttribute("aria-disabled", "true");
    this.#yes.classList.toggle("flw-grey", !this.#ready());
  }
}

function focusedIn(element: HTMLElement): HTMLElement | null {
  const { activeElement } = element.getRootNode() as Document | ShadowRoot;
  return activeElement instanceof HTMLElement && element.contains(activeElement) ? activeElement : null;
}

function visible(part: HTMLElement, within: HTMLElement): boolean {
  return within.contains(part) && part.closest("[hidden]") === null;
}
