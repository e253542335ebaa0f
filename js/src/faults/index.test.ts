/** The whole view against a model as anywidget gives it. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeModel } from "../core/fake-model";
import faultsWidget from "./index";

const action = (what: string, label: string, who: string, reason = ""): Record<string, unknown> => ({
  ...{
    name: `${what} ${who}`,
    label,
    is_destructive: false,
    disabled_reason: reason,
    question: "",
    required_text: "",
    confirm_label: "Yes",
    cancel_label: "No",
  },
  ...{ is_cancellable: false, state: "ready", message: "", progress: null, revision: 0 },
});

function row(name: string, state = "running", description = "running"): Record<string, unknown> {
  const back = state === "running" ? "it is running normally" : "";
  const actions = [action("pause", "Pause", name), action("back", "Bring back", name, back)];
  return { name, state, description, since: 1000, actions };
}

function open(rows: unknown, label = "local: 2 running") {
  const model = new FakeModel({ title: "local", rows, label, sent_at: 1065 });
  const widget = faultsWidget();
  const stop = widget.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  return { model, el, close, stop };
}

const lines = (el: HTMLElement): HTMLElement[] => [...el.querySelectorAll<HTMLElement>(".flw-process")];

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(1_065_000);
});
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

it("has a row per process with its actions", () => {
  const { el } = open([row("server"), row("site-1", "paused", "paused")], "local: site-1 paused, 1 running");
  const [server, site] = lines(el);
  expect(server?.textContent).toContain("server● running1 min 5 s");
  expect(site?.querySelector(".flw-process-state")?.textContent).toBe("❙❙ paused");
  expect(site?.querySelector('[role="group"]')?.getAttribute("aria-label")).toBe("site-1");
  const grey = server?.querySelector('button[data-action="back server"]');
  expect(grey?.getAttribute("aria-disabled")).toBe("true");
  expect(site?.querySelector('button[data-action="back site-1"]')?.hasAttribute("aria-disabled")).toBe(false);
});

it("sends an enabled action once, a disabled one never", () => {
  const { el, model } = open([row("site-1")]);
  const press = (name: string): void => el.querySelector<HTMLElement>(`button[data-action="${name}"]`)?.click();
  press("pause site-1");
  press("pause site-1");
  press("back site-1");
  expect(model.sent.filter((one) => (one as { kind: string }).kind === "start")).toEqual([
    { kind: "start", action: "pause site-1" },
  ]);
});

it("polls once a second until closed", () => {
  const { model, close, stop } = open([row("site-1")]);
  const looks = (): number => model.sent.filter((one) => (one as { kind: string }).kind === "refresh").length;
  vi.advanceTimersByTime(5100);
  expect(looks()).toBeGreaterThanOrEqual(4);
  expect(looks()).toBeLessThanOrEqual(6);
  close();
  stop();
  const before = looks();
  vi.advanceTimersByTime(5000);
  expect(looks()).toBe(before);
  expect(model.listening).toBe(0);
});

it("keeps existing rows and announces changes", () => {
  const { el, model } = open([row("server"), row("site-1")]);
  const [server] = lines(el);
  model.receive({
    rows: [row("server"), row("site-2", "killed", "was killed")],
    label: "local: site-2 was killed, 1 runs",
  });
  expect(lines(el)[0]).toBe(server);
  expect(lines(el).map((one) => one.dataset["state"])).toEqual(["running", "killed"]);
  expect(el.querySelector('[role="status"]')?.textContent).toBe("local: site-2 was killed, 1 runs");
});

it("ignores invalid rows and markup in names", () => {
  const { el } = open([
    { name: "<img src=x>\u202e", state: "exploded", description: 7, since: "x", actions: "y" },
    null,
  ]);
  expect(el.querySelector("img")).toBeNull();
  expect(lines(el)[0]?.querySelector(".flw-process-name")?.textContent).toBe("<img src=x>\uFFFD");
  expect(lines(el)[0]?.dataset["state"]).toBe("down");
  expect(open("nothing").el.querySelectorAll(".flw-process")).toHaveLength(0);
});
