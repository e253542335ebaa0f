/**
 * The actions of a view: buttons that ask for confirmation, explain why they are disabled, and report progress and
 * outcome. The front-end half of flare_widgets/views/core/actions.py, whose `Actions.to_json` is the trait `actions`.
 */
import { h, setText, setVisible } from "./dom";
import { asNumber, asRecord, asRecords, asText } from "./validate";

export interface Action {
  readonly name: string;
  readonly label: string;
  readonly isDestructive: boolean;
  /** Look of the button: of what the reader most likely wants next, or of what does harm. */
  readonly emphasis: "" | "primary" | "danger";
  /** Reason why the action is disabled; empty when it is enabled. */
  readonly disabledReason: string;
  /** Question asked before the action starts; empty for none. */
  readonly question: string;
  /** Text that must be typed to confirm; empty for none. */
  readonly requiredText: string;
  readonly confirmLabel: string;
  readonly cancelLabel: string;
  readonly isCancellable: boolean;
  readonly state: "ready" | "asked" | "running" | "done" | "failed";
  readonly message: string;
  readonly progress: number | null;
  /** Number that grows with each message that the kernel has handled. */
  readonly revision: number;
}

/** A message to the kernel. */
export type ActionMessage =
  | { readonly kind: "start"; readonly action: string; readonly typed?: string }
  /** Its question is shown, or was closed: the kernel starts nothing that needs confirmation unasked. */
  | { readonly kind: "ask" | "dismiss"; readonly action: string }
  | { readonly kind: "cancel"; readonly action: string };

const EMPHASES = ["primary", "danger"] as const;
const STATES = ["ready", "asked", "running", "done", "failed"] as const;

/** Read the trait `actions`; every text in the result is printable and bounded. */
export function readActions(value: unknown): Action[] {
  return asRecords(value).map((raw) => {
    const field = (key: string): string => asText(raw[key], 500);
    return {
      name: field("name"),
      label: field("label"),
      isDestructive: raw["is_destructive"] === true,
      emphasis: EMPHASES.find((emphasis) => emphasis === raw["emphasis"]) ?? "",
      disabledReason: field("disabled_reason"),
      question: field("question"),
      requiredText: field("required_text"),
      confirmLabel: field("confirm_label") || "Yes",
      cancelLabel: field("cancel_label") || "Cancel",
      isCancellable: raw["is_cancellable"] === true,
      state: STATES.find((state) => state === raw["state"]) ?? "ready",
      message: field("message"),
      progress: asNumber(raw["progress"]),
      revision: asNumber(raw["revision"]) ?? 0,
    };
  });
}

/** Read a trait that has such a list for each of several names. */
export function readActionsByName(value: unknown): ReadonlyMap<string, readonly Action[]> {
  return new Map(Object.entries(asRecord(value)).map(([name, actions]) => [asText(name), readActions(actions)]));
}

export interface ActionBar {
  readonly element: HTMLElement;
  /** Draw; `now` is the browser's clock in seconds. Call it regularly while `isWaiting()`. */
  draw(actions: readonly Action[], now: number): void;
  /** Tell if a message has been sent that the kernel has not answered. */
  isWaiting(): boolean;
}

export interface ActionBarOptions {
  /** Send a message to the kernel. */
  readonly send: (message: ActionMessage) => void;
  /** Do an action in the browser, without the kernel; return false for the kernel's actions. */
  readonly doHere?: (action: string) => boolean;
  /** Announce to a screen reader. */
  readonly announce: (message: string) => void;
  /** The browser's clock, in seconds. */
  readonly now: () => number;
}

/** Time after which the view says that the kernel does not answer: it may run a cell, or be dead. */
const TIMEOUT_S = 3;

interface SentMessage {
  readonly at: number;
  readonly revision: number;
}

/** Create a row of action buttons with status lines; confirmations are asked in place. */
export function createActionBar({ send, doHere, announce, now }: ActionBarOptions): ActionBar {
  const messages = h("div", { class: "flw-action-words", tabindex: "-1" });
  const buttons = h("div", { class: "flw-buttons" });
  const confirmation = new Confirmation(onAnswer);
  const element = h("div", { class: "flw-actions" }, messages, buttons, confirmation.element);

  const buttonsByName = new Map<string, Button>();
  const linesByName = new Map<string, StatusLine>();
  const sent = new Map<string, SentMessage>();
  let latest: readonly Action[] = [];
  let askingName = "";
  /** Name of the disabled action that was clicked last, whose reason is shown. */
  let explainedName = "";

  function draw(actions: readonly Action[], at: number): void {
    latest = actions;
    const focused = focusedElement(element);
    for (const { name, revision } of actions)
      if ((sent.get(name)?.revision ?? revision) !== revision) sent.delete(name);
    const askedAction = actions.find(({ name }) => name === askingName);
    // Close the confirmation once its action has been started or disabled.
    if (askingName && (!askedAction || askedAction.disabledReason || isBusy(askedAction) || sent.has(askingName)))
      askingName = "";
    syncParts(buttonsByName, actions, buttons, (action) => new Button(action, () => onPress(action.name)));
    syncParts(linesByName, actions, messages, (action) => new StatusLine(() => cancel(action.name)));
    for (const action of actions) {
      const sentMessage = sent.get(action.name);
      const isWaiting = sentMessage !== undefined;
      buttonsByName.get(action.name)?.draw(action, isBusy(action) || isWaiting);
      const text = sentMessage ? waitingText(action, at - sentMessage.at) : statusText(action, explainedName);
      if (linesByName.get(action.name)?.draw(action, text, isWaiting)) announce(text.replace(/^✕ /, ""));
    }
    const open = actions.find(({ name }) => name === askingName);
    confirmation.draw(open);
    setVisible(buttons, open === undefined && actions.length > 0);
    // Keep the focus in the view when the focused element disappears.
    if (focused && !isVisible(focused, element)) (focusTarget() ?? messages).focus({ preventScroll: true });
  }

  function focusTarget(): HTMLElement | undefined {
    return confirmation.isOpen ? confirmation.safeTarget : undefined;
  }

  function redraw(): void {
    draw(latest, now());
  }

  function onPress(name: string): void {
    const action = latest.find((one) => one.name === name);
    if (!action || isBusy(action) || sent.has(name)) return;
    explainedName = action.disabledReason ? name : "";
    if (action.disabledReason) announce(action.disabledReason);
    else if (action.question || action.requiredText) {
      askingName = name;
      send({ kind: "ask", action: name });
    } else dispatch(action);
    redraw();
    // Focus the safe answer or the text field: a second Enter by mistake must not destroy anything.
    if (askingName === name) confirmation.safeTarget.focus({ preventScroll: true });
  }

  function onAnswer(yes: boolean, typed: string): void {
    const name = askingName;
    const action = latest.find((offered) => offered.name === name);
    askingName = "";
    if (yes && action) dispatch(action, typed);
    else if (action) send({ kind: "dismiss", action: name });
    redraw();
    if (yes) messages.focus({ preventScroll: true });
    else buttonsByName.get(name)?.element.focus({ preventScroll: true });
  }

  function dispatch(action: Action, typed = ""): void {
    if (doHere?.(action.name)) return;
    sent.set(action.name, { at: now(), revision: action.revision });
    explainedName = "";
    send({ kind: "start", action: action.name, ...(action.requiredText ? { typed } : {}) });
  }

  function cancel(name: string): void {
    send({ kind: "cancel", action: name });
  }

  return { element, draw, isWaiting: () => sent.size > 0 };
}

function isBusy({ state }: Action): boolean {
  return state === "asked" || state === "running";
}

function waitingText({ label }: Action, seconds: number): string {
  return seconds > TIMEOUT_S ? `${label}: waiting for an answer (busy)` : `${label}…`;
}

function statusText(action: Action, explained: string): string {
  if (isBusy(action)) return action.message ? `${action.label}: ${action.message}` : `${action.label}…`;
  if (action.state === "failed") return `✕ ${action.message}`;
  if (explained === action.name && action.disabledReason) return `${action.label}: ${action.disabledReason}`;
  return action.message;
}

/** Keep one part per action, in the order of the actions. */
function syncParts<Part extends { readonly element: HTMLElement }>(
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

/** A button that stays focusable while disabled, and explains why it is. */
class Button {
  readonly element: HTMLButtonElement;
  readonly #label: HTMLElement;
  readonly #reason = h("span", { class: "flw-spoken" });

  constructor(action: Action, pressed: () => void) {
    this.#label = h("span", {}, action.label);
    this.element = h("button", { class: "flw-button", type: "button" }, this.#label, this.#reason);
    this.element.addEventListener("click", pressed);
  }

  draw(action: Action, isRunning: boolean): void {
    setText(this.#label, action.label);
    setText(this.#reason, action.disabledReason ? ` (not possible: ${action.disabledReason})` : "");
    const isDisabled = action.disabledReason !== "" || isRunning;
    if (isDisabled) this.element.setAttribute("aria-disabled", "true");
    else this.element.removeAttribute("aria-disabled");
    this.element.title = action.disabledReason;
    this.element.classList.toggle("flw-grey", isDisabled);
    this.element.classList.toggle("flw-primary", action.emphasis === "primary" && !isDisabled);
    this.element.classList.toggle("flw-harmful", action.emphasis === "danger" && !isDisabled);
    this.element.dataset["action"] = action.name;
  }
}

/** The status line of one action. */
class StatusLine {
  readonly element: HTMLElement;
  readonly #text = h("span", {});
  readonly #bar = document.createElement("progress");
  readonly #cancel = h("button", { class: "flw-button", type: "button" }, "Cancel");
  #lastText = "";
  #lastState = "";

  constructor(cancel: () => void) {
    this.#bar.max = 1;
    this.element = h("div", { class: "flw-action-line" }, this.#text, this.#bar, this.#cancel);
    this.#cancel.addEventListener("click", cancel);
  }

  /** Draw, and return true if the text deserves an announcement; ticking numbers do not. */
  draw(action: Action, text: string, isWaiting: boolean): boolean {
    const isNews =
      text !== this.#lastText && text !== "" && (action.state !== "running" || this.#lastState !== "running");
    this.#lastText = text;
    this.#lastState = action.state;
    setText(this.#text, text);
    this.element.dataset["action"] = action.name;
    this.element.classList.toggle("flw-failed-words", action.state === "failed" && !isWaiting);
    setVisible(this.#bar, action.progress !== null && isBusy(action));
    if (action.progress !== null) this.#bar.value = action.progress;
    this.#bar.setAttribute("aria-label", action.label);
    setVisible(this.#cancel, isBusy(action) && action.isCancellable);
    this.#cancel.setAttribute("aria-label", `Cancel ${action.label}`);
    setVisible(this.element, text !== "");
    return isNews;
  }
}

/** Attribute below which JupyterLab leaves key presses to the widget. */
const SUPPRESS_NOTEBOOK_SHORTCUTS = { "data-lm-suppress-shortcuts": "true" } as const;

/** The confirmation of an action. */
class Confirmation {
  readonly element: HTMLElement;
  readonly #text = h("span", {});
  readonly #field = document.createElement("input");
  readonly #confirm = h("button", { class: "flw-button", type: "button" });
  readonly #cancel = h("button", { class: "flw-button", type: "button" });
  #requiredText = "";

  constructor(answered: (confirm: boolean, typed: string) => void) {
    const yes = (): void => {
      if (this.#isReady()) answered(true, this.#field.value.trim());
    };
    this.#field.type = "text";
    this.#field.className = "flw-typed";
    this.#field.autocomplete = "off";
    this.#field.spellcheck = false;
    this.element = h(
      "div",
      { class: "flw-action-confirm", role: "group", ...SUPPRESS_NOTEBOOK_SHORTCUTS },
      this.#text,
      this.#field,
      this.#confirm,
      this.#cancel,
    );
    this.#confirm.addEventListener("click", yes);
    this.#cancel.addEventListener("click", () => answered(false, ""));
    this.#field.addEventListener("input", () => this.#drawButton());
    this.element.addEventListener("keydown", (event) => {
      // Keys typed here must not reach the notebook, which has shortcuts of its own.
      event.stopPropagation();
      if (event.key === "Enter" && event.target === this.#field) yes();
      if (event.key !== "Escape") return;
      event.preventDefault();
      answered(false, "");
    });
    setVisible(this.element, false);
  }

  get isOpen(): boolean {
    return !this.element.hidden;
  }

  /** The element to focus: one on which Enter alone does nothing. */
  get safeTarget(): HTMLElement {
    return this.#requiredText ? this.#field : this.#cancel;
  }

  draw(action: Action | undefined): void {
    const opened = action !== undefined && this.element.hidden;
    setVisible(this.element, action !== undefined);
    if (!action) return;
    this.#requiredText = action.requiredText;
    setText(this.#text, action.question);
    this.element.setAttribute("aria-label", action.question);
    setVisible(this.#field, action.requiredText !== "");
    if (opened) this.#field.value = "";
    this.#field.placeholder = action.requiredText;
    this.#field.setAttribute("aria-label", `type ${action.requiredText} to confirm`);
    setText(this.#confirm, action.confirmLabel);
    setText(this.#cancel, action.cancelLabel);
    this.#confirm.classList.toggle("flw-danger", action.isDestructive);
    this.#drawButton();
  }

  #isReady(): boolean {
    return this.#requiredText === "" || this.#field.value.trim() === this.#requiredText;
  }

  #drawButton(): void {
    if (this.#isReady()) this.#confirm.removeAttribute("aria-disabled");
    else this.#confirm.setAttribute("aria-disabled", "true");
    this.#confirm.classList.toggle("flw-grey", !this.#isReady());
  }
}

function focusedElement(element: HTMLElement): HTMLElement | null {
  const { activeElement } = element.getRootNode() as Document | ShadowRoot;
  return activeElement instanceof HTMLElement && element.contains(activeElement) ? activeElement : null;
}

function isVisible(part: HTMLElement, within: HTMLElement): boolean {
  return within.contains(part) && part.closest("[hidden]") === null;
}
