/** The views that say by a line what has become of their kernel, each as a whole. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import compareWidget from "../compare/index";
import faultsWidget from "../faults/index";
import sessionWidget from "../session/index";
import submitWidget from "../submit/index";
import { FakeModel } from "./fake-model";
import { QUIET_S, TIMEOUT_S } from "./kernel";

const act = (name: string): Record<string, unknown> => ({
  ...{
    name,
    label: name,
    is_destructive: false,
    disabled_reason: "",
    question: "",
    required_text: "",
    confirm_label: "Yes",
    cancel_label: "Cancel",
  },
  ...{ is_cancellable: false, state: "ready", message: "", progress: null, revision: 0 },
});
const SESSION = {
  name: "one",
  username: "ann",
  role_and_org: "lead, h",
  address: "s:1",
  study: "x",
  state: "ready",
};
const JOB = { path: "/jobs/hello", name: "hello", files: [], count: 0, size: 0, apps: [], problems: [] };

const VIEWS = {
  compare: { widget: compareWidget, traits: {}, button: "", over: { has_ended: true } },
  faults: {
    widget: faultsWidget(),
    traits: { title: "local", rows: [{ name: "server", state: "running", actions: [act("kill server")] }] },
    button: 'button[data-action="kill server"]',
    over: { rows: [{ name: "server", state: "running", actions: [] }] },
  },
  session: {
    widget: sessionWidget(),
    traits: { sessions: [SESSION], current: "one", can_switch: true, actions: { one: [act("close one")] } },
    button: 'button[data-action="close one"]',
    over: { sessions: [{ ...SESSION, state: "closed" }], can_switch: false, actions: {} },
  },
  submit: {
    widget: submitWidget,
    traits: { listing: { path: "/jobs" }, job: JOB, actions: [act("submit")] },
    button: 'button[data-action="submit"]',
    over: { actions: [] },
  },
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

type Shown = (typeof VIEWS)[keyof typeof VIEWS];

function open({ widget, traits }: Shown, more: Record<string, unknown> = {}) {
  const model = Object.assign(new FakeModel({ sent_at: 0, ...traits, ...more }), {
    widget_manager: { kernel: { status: "idle", connectionStatus: "connected" } },
  });
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  const end = (): void => {
    model.widget_manager.kernel.status = "dead";
    model.fire("comm_live_update");
  };
  return { model, el, close, end, line: el.querySelector<HTMLElement>(".flw-banner") };
}

it.each(Object.entries(VIEWS))("the %s view reports a lost kernel and recovers", async (_, view) => {
  const { model, el, close, end, line } = open(view);
  const grey = (): boolean | undefined =>
    view.button === "" ? undefined : el.querySelector(view.button)?.getAttribute("aria-disabled") === "true";
  if (view.button) expect(el.querySelector(view.button)).not.toBeNull();
  expect(line?.hidden).toBe(true);
  expect(line?.parentElement?.firstElementChild).toBe(line);

  vi.advanceTimersByTime((QUIET_S + TIMEOUT_S + 1) * 1000);
  await Promise.resolve();
  expect(model.sent).toContainEqual(expect.objectContaining({ kind: "clock" }));
  expect(line?.textContent).toBe("!No answer from the kernel (busy or stopped)");
  if (view.button) expect(grey()).toBe(false); // it may yet hear

  end();
  await Promise.resolve();
  expect(line?.hidden).toBe(false);
  expect(line?.textContent).toBe("!The kernel was shut down. Run the cell again to reconnect.");
  if (view.button) {
    expect(grey()).toBe(true);
    expect(el.querySelector<HTMLElement>(view.button)?.title).toBe("the kernel was shut down");
  }

  model.fire("msg:custom", {});
  await Promise.resolve();
  expect(line?.hidden).toBe(true);
  if (view.button) expect(grey()).toBe(false);
  close();
  expect(model.listening).toBe(0);
});

it.each(Object.entries(VIEWS))("the %s view does not probe once it is finished", (_, view) => {
  const { model, end, line } = open(view, view.over);
  model.sent.length = 0;
  vi.advanceTimersByTime(60_000);
  end();
  vi.advanceTimersByTime(60_000);
  expect(model.sent).not.toContainEqual(expect.objectContaining({ kind: "clock" }));
  expect(line?.hidden).toBe(true);
});

it.each(Object.entries(VIEWS))("the %s view stops probing when it finishes", (_, view) => {
  const { model } = open(view);
  model.receive(view.over);
  model.fire("change");
  model.sent.length = 0;
  vi.advanceTimersByTime(60_000);
  expect(model.sent).not.toContainEqual(expect.objectContaining({ kind: "clock" }));
});

it.each(["faults", "session"] as const)("the %s view's label is marked as outdated", (name) => {
  const { el, end } = open(VIEWS[name], { label: "all is well" });
  const label = (): string | null | undefined => el.querySelector("[role=group]")?.getAttribute("aria-label");
  expect(label()).toBe("all is well");
  end();
  expect(label()).toBe("The kernel was shut down. Run the cell again to reconnect. Before: all is well");
});

it("the switcher keeps its disabled buttons with reasons", () => {
  const other = { ...SESSION, name: "two" };
  const { el, model, end } = open(VIEWS.session, { sessions: [SESSION, other] });
  const use = [...el.querySelectorAll<HTMLElement>(".flw-session-use")];
  const sent = (): unknown[] => model.sent.filter((message) => (message as { kind: string }).kind === "use");
  use[1]?.click();
  expect(sent()).toEqual([{ kind: "use", name: "two" }]);
  end();
  expect(use.map((button) => [button.hidden, button.getAttribute("aria-disabled"), button.title])).toEqual(
    Array(2).fill([false, "true", "the kernel was shut down"]),
  );
  expect(use[1]?.getAttribute("aria-label")).toBe("Use two (not possible: the kernel was shut down)");
  use[1]?.click();
  expect(sent()).toHaveLength(1);
  expect(el.querySelector('[role="status"]')?.textContent).toBe("the kernel was shut down");
  const names = [...el.querySelectorAll<HTMLElement>(".flw-session-name")];
  expect(names.map((name) => [name.textContent, name.hidden])).toEqual([
    ["one", false],
    ["two", false],
  ]);
});
