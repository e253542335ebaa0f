import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Action } from "./actions";
import type { Listener, Model } from "./anywidget-model";
import { DISCONNECTED_TIMEOUT_S, disableAll, QUIET_S, TIMEOUT_S, watchKernel } from "./kernel";

function fakeModel(host?: { kernel: { status: string; connectionStatus: string } | null }) {
  const listeners = new Map<string, Set<Listener>>();
  return {
    widget_manager: host,
    get: (name: string) => (name === "static_id" ? "0a1b2c3d" : undefined),
    set: (): void => undefined,
    on: (event: string, listener: Listener) =>
      void listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)),
    off: (event: string, listener: Listener) => void listeners.get(event)?.delete(listener),
    send: (_: unknown): void => undefined,
    fire: (event: string) => listeners.get(event)?.forEach((listener) => listener(undefined)),
    listening: () => [...listeners.values()].reduce((sum, { size }) => sum + size, 0),
  } satisfies Model & Record<string, unknown>;
}

function open(host?: Parameters<typeof fakeModel>[0], needed = () => true, resting = () => false) {
  const model = fakeModel(host);
  const changed = vi.fn();
  const el = document.createElement("div");
  const ask = vi.spyOn(model, "send");
  const kernel = watchKernel({ model, el }, { onChange: changed, isNeeded: needed, isAtRest: resting });
  expect(ask.mock.calls).toEqual([[{ kind: "clock", zone: new Intl.DateTimeFormat().resolvedOptions().timeZone }]]);
  ask.mockClear();
  return { model, ask, changed, el, kernel };
}

const pass = (seconds: number): unknown => vi.advanceTimersByTime(seconds * 1000);

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("a kernel that sends messages", () => {
  it("is not probed", () => {
    const { model, ask, kernel, changed } = open();
    for (let i = 0; i < 10; i++) {
      pass(QUIET_S - 1);
      model.fire("change");
    }
    expect(ask).not.toHaveBeenCalled();
    expect(changed).not.toHaveBeenCalled();
    expect(kernel.problem).toBe("");
  });
});

describe("a silent kernel", () => {
  it("is probed repeatedly, then reported but not as ended", () => {
    const { model, ask, kernel } = open();
    pass(QUIET_S);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(kernel.problem).toBe("");
    pass(TIMEOUT_S);
    expect(kernel.problem).toContain("No answer");
    expect(kernel.hasEnded).toBe(false);
    pass(60);
    expect(ask.mock.calls.length).toBeGreaterThan(10);
    expect(kernel.hasEnded).toBe(false);
    model.fire("msg:custom");
    expect(kernel.problem).toBe("");
  });

  it("is not probed by a finished view", () => {
    const { model, ask } = open(undefined, () => false);
    pass(60);
    model.fire("comm_live_update");
    pass(60);
    expect(ask).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is not probed by a view at rest until the host has lost it", () => {
    const { model, ask, kernel } = open(
      { kernel: { status: "idle", connectionStatus: "connected" } },
      undefined,
      () => true,
    );
    pass(60);
    expect(ask).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
    model.fire("comm_live_update");
    expect(ask).toHaveBeenCalledTimes(1);
    pass(DISCONNECTED_TIMEOUT_S);
    expect(kernel.hasEnded).toBe(true);
    model.fire("msg:custom");
    expect(kernel.hasEnded).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("the static form is covered while the view is drawn", () => {
  const { el, kernel } = open();
  expect(el.className).toBe("flw-drawn-0a1b2c3d");
  kernel.dispose();
  expect(el.className).toBe("");
});

it("an id that the kernel did not make is no class", () => {
  const model = { ...fakeModel(), get: () => "a b" };
  const el = document.createElement("div");
  watchKernel({ model, el }, { onChange: vi.fn() });
  expect(el.className).toBe("");
});

describe("a disconnected widget", () => {
  it.each(["restarting", "autorestarting", "dead"])("has ended if the kernel is %s", (status) => {
    const { model, kernel, changed } = open({ kernel: { status, connectionStatus: "connected" } });
    model.fire("comm_live_update");
    expect(kernel.hasEnded).toBe(true);
    expect(kernel.problem).toContain("The kernel was shut down");
    pass(60);
    expect(kernel.hasEnded).toBe(true);
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it("has ended if the host has no kernel", () => {
    const { model, kernel } = open({ kernel: null });
    model.fire("comm_live_update");
    expect(kernel.hasEnded).toBe(true);
  });

  it("probes at once and detects a silent idle kernel", () => {
    const { model, ask, kernel } = open({ kernel: { status: "idle", connectionStatus: "connected" } });
    model.fire("comm_live_update");
    expect(ask).toHaveBeenCalledTimes(1);
    expect(kernel.hasEnded).toBe(false);
    pass(DISCONNECTED_TIMEOUT_S);
    expect(kernel.hasEnded).toBe(true);
  });

  it("recovers when the kernel answers", () => {
    const { model, kernel } = open({ kernel: { status: "idle", connectionStatus: "connected" } });
    model.fire("comm_live_update");
    model.fire("msg:custom");
    pass(DISCONNECTED_TIMEOUT_S + 1);
    expect(kernel.problem).toBe("");
  });

  it("waits for a busy kernel and reports a lost connection", () => {
    const busy = open({ kernel: { status: "busy", connectionStatus: "connected" } });
    busy.model.fire("comm_live_update");
    pass(DISCONNECTED_TIMEOUT_S + 1);
    expect(busy.kernel.problem).toBe("");
    pass(TIMEOUT_S);
    expect(busy.kernel.problem).toContain("No answer");
    const lost = open({ kernel: { status: "unknown", connectionStatus: "disconnected" } });
    lost.model.fire("comm_live_update");
    pass(DISCONNECTED_TIMEOUT_S);
    expect(lost.kernel.problem).toBe("Connection to the kernel lost");
    expect(lost.kernel.hasEnded).toBe(false);
  });
});

it("actions are disabled and reset when the kernel has ended", () => {
  const action = {
    name: "abort",
    disabledReason: "",
    state: "running",
    message: "aborting 1 of 3",
    progress: 0.3,
  } as Action;
  expect(disableAll([action], { problem: "", hasEnded: false, dispose: () => undefined })).toEqual([action]);
  expect(disableAll([action], { problem: "x", hasEnded: true, dispose: () => undefined })).toEqual([
    { name: "abort", disabledReason: "the kernel was shut down", state: "ready", message: "", progress: null },
  ]);
});

it("leaves no timer or listener", () => {
  const { model, kernel } = open();
  kernel.dispose();
  expect(vi.getTimerCount()).toBe(0);
  expect(model.listening()).toBe(0);
});
