/** The views that say by a line what has become of their kernel, each as a whole. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import compareWidget from "../compare/index";
import faultsWidget from "../faults/index";
import sessionWidget from "../session/index";
import submitWidget from "../submit/index";
import { FakeModel } from "./fake-model";
import { PATIENCE, QUIET } from "./kernel";

const act = (name: string): Record<string, unknown> => ({
  ...{ name, label: name, danger: false, reason: "", confirm: "", type: "", yes: "Yes", no: "No" },
  ...{ cancels: false, state: "ready", words: "", progress: null, turn: 0 },
});
const SESSION = { name: "one", username: "ann", role: "lead", organization: "h", address: "s:1", study: "x", state: "ready" };
const JOB = { path: "/jobs/hello", name: "hello", files: [], count: 0, size: 0, apps: [], problems: [] };

const VIEWS = {
  compare: { widget: compareWidget, traits: {}, button: "" },
  faults: {
    widget: faultsWidget(),
    traits: { title: "local", rows: [{ name: "server", state: "running", actions: [act("kill server")] }] },
    button: 'button[data-action="kill server"]',
  },
  session: {
    widget: sessionWidget(),
    traits: { sessions: [SESSION], current: "one", switches: true, actions: { one: [act("close one")] } },
    button: 'button[data-action="close one"]',
  },
  submit: {
    widget: submitWidget,
    traits: { place: { path: "/jobs" }, job: JOB, actions: [act("submit")] },
    button: 'button[data-action="submit"]',
  },
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

it.each(Object.entries(VIEWS))("the %s view says that its kernel is gone, greys what it offers, and takes it back", async (_, view) => {
  const model = Object.assign(new FakeModel({ sent_at: 0, ...view.traits }), {
    widget_manager: { kernel: { status: "idle", connectionStatus: "connected" } },
  });
  const el = document.createElement("div");
  document.body.append(el);
  const close = view.widget.render({ model, el });
  const line = el.querySelector<HTMLElement>('[role="alert"]');
  const grey = (): boolean | undefined =>
    view.button === "" ? undefined : el.querySelector(view.button)?.getAttribute("aria-disabled") === "true";
  if (view.button) expect(el.querySelector(view.button)).not.toBeNull();
  expect(line?.hidden).toBe(true);

  vi.advanceTimersByTime((QUIET + PATIENCE + 1) * 1000);
  await Promise.resolve();
  expect(model.sent).toContainEqual({ kind: "clock" });
  expect(line?.textContent).toBe("the kernel does not answer: it is busy, or has ended");
  if (view.button) expect(grey()).toBe(false); // it may yet hear

  model.widget_manager.kernel.status = "dead";
  model.fire("comm_live_update");
  await Promise.resolve();
  expect(line?.hidden).toBe(false);
  expect(line?.textContent).toBe("the kernel has ended, and this view with it: run the cell again");
  if (view.button) expect(grey()).toBe(true);

  model.fire("msg:custom", {});
  await Promise.resolve();
  expect(line?.hidden).toBe(true);
  if (view.button) expect(grey()).toBe(false);
  close();
  expect(model.listening).toBe(0);
});
