import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ActionMessage, createActionBar, readActions } from "./actions";

const ABORT = {
  name: "abort",
  label: "Abort",
  is_destructive: true,
  emphasis: "danger",
  disabled_reason: "",
  question: "Abort this job?",
  required_text: "",
  confirm_label: "Yes, abort",
  cancel_label: "Keep running",
  is_cancellable: false,
  state: "ready",
  message: "",
  progress: null,
  revision: 0,
};
const DOWNLOAD = { ...ABORT, name: "download", label: "Download", is_destructive: false, emphasis: "primary" };
const CLONE = { ...ABORT, name: "clone", label: "Clone", is_destructive: false, emphasis: "", question: "" };

it("a button that does harm, and the primary one, show it before they are pressed unless disabled", () => {
  const { button, receive } = open(ABORT, CLONE, DOWNLOAD);
  const looks = (): string[] =>
    ["Abort", "Clone", "Download"].map((label) => button(label).className.replace("flw-button", "").trim());
  expect(looks()).toEqual(["flw-harmful", "", "flw-primary"]);
  receive(...[ABORT, CLONE, DOWNLOAD].map((action) => ({ ...action, disabled_reason: "it has ended" })));
  expect(looks()).toEqual(["flw-grey", "flw-grey", "flw-grey"]);
  expect(readActions([{ ...ABORT, emphasis: "flashing" }])[0]?.emphasis).toBe("");
});

function open(...offers: Record<string, unknown>[]) {
  const told: ActionMessage[] = [];
  const heard: string[] = [];
  let now = 100;
  let actions = readActions(offers);
  const bar = createActionBar({
    send: (message) => told.push(message),
    announce: (words) => heard.push(words),
    now: () => now,
  });
  document.body.append(bar.element);
  bar.draw(actions, now);
  const shown = (element: Element | null | undefined): boolean => element?.closest("[hidden]") === null;
  const button = (label: string): HTMLButtonElement => {
    const found = [...bar.element.querySelectorAll("button")].find(
      (b) => shown(b) && (b.querySelector("span")?.textContent ?? b.textContent) === label,
    );
    if (!found) throw new Error(`no button ${label}`);
    return found;
  };
  return {
    bar,
    told,
    heard,
    button,
    field: () => bar.element.querySelector("input")!,
    words: () =>
      [...bar.element.querySelectorAll(".flw-action-line")]
        .filter(shown)
        .map((l) => l.querySelector("span")!.textContent),
    receive(...next: Record<string, unknown>[]) {
      actions = readActions(next);
      bar.draw(actions, now);
    },
    pass(seconds: number) {
      now += seconds;
      bar.draw(actions, now);
    },
  };
}

const press = (element: HTMLElement, key: string): KeyboardEvent => {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  element.dispatchEvent(event);
  return event;
};

beforeEach(() => document.body.replaceChildren());
afterEach(() => document.body.replaceChildren());

describe("an action with confirmation", () => {
  it("asks in place with focus on the safe answer", () => {
    const { button, told } = open(ABORT);
    button("Abort").click();
    expect(told).toEqual([{ kind: "ask", action: "abort" }]);
    expect(document.activeElement).toBe(button("Keep running"));
    expect(() => button("Abort")).toThrow();
    button("Yes, abort").click();
    expect(told.slice(1)).toEqual([{ kind: "start", action: "abort" }]);
  });

  it("is cancelled by button or Escape, restoring focus", () => {
    const { button, told } = open(ABORT, CLONE);
    button("Abort").click();
    button("Keep running").click();
    expect(document.activeElement).toBe(button("Abort"));
    button("Abort").click();
    expect(press(button("Keep running"), "Escape").defaultPrevented).toBe(true);
    expect(document.activeElement).toBe(button("Abort"));
    expect(button("Clone")).toBeTruthy();
    expect(told.map(({ kind }) => kind)).toEqual(["ask", "dismiss", "ask", "dismiss"]);
  });

  it("requires the text to be typed", () => {
    const { button, told, field } = open({ ...ABORT, required_text: "site-1" });
    button("Abort").click();
    expect(document.activeElement).toBe(field());
    button("Yes, abort").click();
    press(field(), "Enter");
    expect(told).toEqual([{ kind: "ask", action: "abort" }]);
    field().value = " site-1 ";
    field().dispatchEvent(new Event("input"));
    expect(button("Yes, abort").getAttribute("aria-disabled")).toBeNull();
    press(field(), "Enter");
    expect(told.at(-1)).toEqual({ kind: "start", action: "abort", typed: "site-1" });
  });

  it("clears the field when reopened", () => {
    const { button, field } = open({ ...ABORT, required_text: "site-1" });
    button("Abort").click();
    field().value = "site-1";
    button("Keep running").click();
    button("Abort").click();
    expect(field().value).toBe("");
    expect(button("Yes, abort").getAttribute("aria-disabled")).toBe("true");
  });

  it("closes when disabled, keeping focus", () => {
    const { button, receive, bar } = open(ABORT);
    button("Abort").click();
    receive({ ...ABORT, disabled_reason: "the job has ended" });
    expect(() => button("Keep running")).toThrow();
    expect(bar.element.contains(document.activeElement)).toBe(true);
  });
});

describe("a message", () => {
  it("is sent once despite repeated clicks", () => {
    const { button, told } = open(CLONE);
    button("Clone").click();
    button("Clone").click();
    expect(told).toEqual([{ kind: "start", action: "clone" }]);
  });

  it("shows pending, unanswered, then the answer", () => {
    const { button, words, pass, receive, bar } = open(CLONE);
    button("Clone").click();
    expect(words()).toEqual(["Clone…"]);
    expect(bar.isWaiting()).toBe(true);
    pass(4);
    expect(words()).toEqual(["Clone: waiting for an answer (busy)"]);
    receive({ ...CLONE, revision: 1, state: "asked" });
    expect(bar.isWaiting()).toBe(false);
    expect(words()).toEqual(["Clone…"]);
    receive({ ...CLONE, revision: 1, state: "done", message: "cloned as 1a2b3c4d" });
    expect(words()).toEqual(["cloned as 1a2b3c4d"]);
  });

  it("stays pending on updates of other actions", () => {
    const { button, words, receive } = open(CLONE, ABORT);
    button("Clone").click();
    receive(CLONE, { ...ABORT, revision: 1, state: "failed", message: "abort failed: no" });
    expect(words()).toEqual(["Clone…", "✕ abort failed: no"]);
  });

  it("can be repeated after a failure", () => {
    const { button, told, receive, words } = open(CLONE);
    button("Clone").click();
    receive({ ...CLONE, revision: 1, state: "failed", message: "clone failed: not authorized" });
    expect(words()).toEqual(["✕ clone failed: not authorized"]);
    button("Clone").click();
    expect(told).toHaveLength(2);
  });
});

describe("a running action", () => {
  const RUNNING = { ...CLONE, revision: 1, is_cancellable: true, state: "running", message: "received 1.2 MB" };

  it("shows progress and can be cancelled", () => {
    const { button, words, told, bar, receive } = open(RUNNING);
    expect(words()).toEqual(["Clone: received 1.2 MB"]);
    const progress = bar.element.querySelector("progress")!;
    expect(progress.hidden).toBe(true);
    receive({ ...RUNNING, progress: 0.25 });
    expect(progress.hidden).toBe(false);
    expect(progress.value).toBe(0.25);
    button("Cancel").click();
    expect(told).toEqual([{ kind: "cancel", action: "clone" }]);
    button("Clone").click();
    expect(told).toHaveLength(1);
    expect(button("Clone").getAttribute("aria-disabled")).toBe("true");
  });

  it("is not announced on every tick", () => {
    const { heard, receive } = open({ ...CLONE, revision: 1, state: "asked" });
    for (let i = 1; i < 10; i++) receive({ ...RUNNING, message: `received ${i} MB` });
    receive({ ...RUNNING, state: "done", message: "it is in /home/ada/transfer" });
    expect(heard).toEqual(["Clone…", "Clone: received 1 MB", "it is in /home/ada/transfer"]);
  });
});

describe("a disabled action", () => {
  const GREY = { ...ABORT, disabled_reason: "your role member may not abort jobs" };

  it("stays focusable, explains itself and does nothing", () => {
    const { button, told, words, heard } = open(GREY);
    const abort = button("Abort");
    expect(abort.disabled).toBe(false);
    expect(abort.getAttribute("aria-disabled")).toBe("true");
    expect(abort.title).toBe("your role member may not abort jobs");
    expect(abort.textContent).toContain("not possible: your role member may not abort jobs");
    expect(words()).toEqual([]);
    abort.click();
    expect(words()).toEqual(["Abort: your role member may not abort jobs"]);
    expect(heard).toContain("your role member may not abort jobs");
    expect(told).toEqual([]);
  });
});

describe("kernel data", () => {
  it.each([null, 3, {}, "actions"])("%j is no action", (nonsense) => expect(readActions(nonsense)).toEqual([]));

  it("is sanitized", () => {
    const [action] = readActions([
      { name: "x", message: "a\u202e\u001b", state: "exploded", progress: "half", revision: NaN },
    ]);
    expect(action).toMatchObject({ message: "a��", state: "ready", progress: null, revision: 0, label: "" });
  });

  it("never becomes markup", () => {
    const { bar } = open({
      ...ABORT,
      label: "<img src=x>",
      disabled_reason: "<b>no</b>",
      message: "<script>1</script>",
      state: "failed",
    });
    expect(bar.element.querySelector("img, b, script")).toBeNull();
  });
});
