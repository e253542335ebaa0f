/** The whole view against a model as anywidget gives it. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeModel, FakePlace } from "../core/fake-model";
import { fixture } from "./fixtures";
import jobWidget from "./index";

const ABORT = {
  ...{
    name: "abort",
    label: "Abort",
    is_destructive: true,
    disabled_reason: "",
    question: "Abort this job?",
    required_text: "",
  },
  ...{
    confirm_label: "Yes, abort",
    cancel_label: "Keep running",
    is_cancellable: false,
    state: "ready",
    message: "",
    progress: null,
    revision: 0,
  },
};

/** The view of one of the fixtures, at the moment the fixture is for. */
function open(name: Parameters<typeof fixture>[0], traits: Record<string, unknown> = {}) {
  const { view_model: job, label, now } = fixture(name);
  vi.setSystemTime(now * 1000);
  const model = new FakeModel({ view_model: job, label, sent_at: now, actions: [ABORT], ...traits });
  const widget = jobWidget();
  const stop = widget.initialize({ model });
  const host = (): { el: HTMLElement; close: () => void } => {
    const el = document.createElement("div");
    document.body.append(el);
    return { el, close: widget.render({ model, el }) };
  };
  const { el, close } = host();
  const find = (selector: string): HTMLElement => {
    const found = el.querySelector<HTMLElement>(selector);
    if (!found) throw new Error(`nothing matches ${selector}`);
    return found;
  };
  const seen = (selector: string): string =>
    find(selector).closest("[hidden]") ? "" : (find(selector).textContent ?? "");
  const button = (title: string): HTMLElement => {
    const found = [...el.querySelectorAll("button")].find(
      (b) => b.textContent?.split(" (")[0] === title && !b.closest("[hidden]"),
    );
    if (!found) throw new Error(`no button ${title}`);
    return found;
  };
  return { model, el, find, seen, button, close, host, stop, job, now };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

describe("a running job", () => {
  it("shows its facts", () => {
    const { seen, el, find } = open("running");
    expect(seen(".flw-pill")).toContain("RUNNING");
    expect(seen(".flw-name")).toBe("hello-numpy");
    expect(seen(".flw-copy-text")).toBe("76b8d043");
    expect(seen(".flw-elapsed")).toBe("2 min 14 s elapsed");
    expect(seen(".flw-facts")).toContain("submitted by admin@nvidia.com");
    expect([...el.querySelectorAll(".flw-site")].map((chip) => chip.textContent)).toEqual([
      "✓server deployed; ",
      "✓site-1 deployed; ",
      "✓site-2 deployed; ",
    ]);
    expect(find(".flw-job").getAttribute("aria-label")).toBe(fixture("running").label);
  });

  it("marks the current step accessibly", () => {
    const { find, el } = open("running");
    expect(find("[aria-current=step]").textContent).toMatch(/^running \d/);
    expect([...el.querySelectorAll(".flw-ahead")].map((step) => step.textContent)).toEqual(["to come: finished"]);
    expect(find("[aria-current=step] time").getAttribute("datetime")).toBe("2026-11-23T14:03:36.400Z");
  });

  it("ticks without messages", () => {
    const { seen } = open("running");
    vi.advanceTimersByTime(3000);
    expect(seen(".flw-elapsed")).toBe("2 min 17 s elapsed");
    expect(seen(".flw-fresh")).toBe("updated 4 s ago");
  });

  it("does not draw what has not changed", async () => {
    const { find } = open("running");
    const changes = vi.fn();
    const observer = new MutationObserver(changes);
    observer.observe(find(".flw-timeline"), { childList: true, subtree: true, characterData: true });
    observer.observe(find(".flw-sites"), { childList: true, subtree: true, characterData: true });
    await vi.advanceTimersByTimeAsync(5000);
    expect(changes).not.toHaveBeenCalled();
  });

  it("draws what a patch has changed, and nothing else", async () => {
    const { model, find, seen } = open("rounds");
    const changes = vi.fn();
    const observer = new MutationObserver(changes);
    const whole = { childList: true, subtree: true, characterData: true, attributes: true };
    observer.observe(find(".flw-matrix"), whole);
    model.receive({ patch: { seq: 1, changes: { view_model: { keys: { name: { set: "renamed" } } } } } });
    await vi.advanceTimersByTimeAsync(0);
    expect(seen(".flw-name")).toBe("renamed");
    expect(changes).not.toHaveBeenCalled();
    const row = { items: [[0, 1], { add: ["w", null, ""] }] };
    model.receive({
      patch: { seq: 2, changes: { view_model: { keys: { matrix: { keys: { rows: { keys: { 0: row } } } } } } } },
    });
    await vi.advanceTimersByTimeAsync(0);
    expect(find(".flw-matrix tbody tr:first-child .flw-cell").title).toBe("working");
    const touched = changes.mock.calls.flatMap(([records]) =>
      (records as MutationRecord[]).map(({ target }) => target),
    );
    expect(touched.length).toBeGreaterThan(0);
    expect(touched.every((node) => find(".flw-matrix tbody tr:first-child").contains(node))).toBe(true);
  });

  it("labels old data as stale", () => {
    const { model, seen, find, now } = open("running");
    vi.advanceTimersByTime(6000);
    // The kernel is there, it only has no news.
    model.fire("msg:custom", { kind: "clock", now: now + 6 });
    vi.advanceTimersByTime(4000);
    expect(seen(".flw-fresh")).toBe("! last seen 11 s ago");
    expect(find(".flw-fresh").className).toContain("flw-stale");
  });

  it("tolerates a browser clock an hour ahead", () => {
    const { model, job, now, seen } = open("running");
    vi.setSystemTime((now + 3600) * 1000);
    model.receive({ view_model: { ...job }, sent_at: now });
    expect(seen(".flw-elapsed")).toBe("2 min 14 s elapsed");
    expect(seen(".flw-fresh")).toBe("updated 1 s ago");
  });

  it("asks for the kernel's clock when opened late", () => {
    const { now, view_model } = fixture("running");
    const freshness = [{ text: ["! last seen ", " ago"], moment: now - 50, severity: "warn" }];
    const { model, seen } = open("running", { sent_at: now - 50, view_model: { ...view_model, freshness } });
    expect(seen(".flw-fresh")).toBe("! last seen 50 s ago");
    expect(model.sent).toEqual([expect.objectContaining({ kind: "clock" })]);
    model.fire("msg:custom", { kind: "clock", now: now + 10 });
    vi.advanceTimersByTime(1000);
    expect(seen(".flw-fresh")).toBe("! last seen 1 min 1 s ago");
  });

  it("survives a host that cannot reach the kernel", () => {
    const { view_model, label, now } = fixture("running");
    vi.spyOn(console, "debug").mockReturnValue();
    const model = new FakeModel({ view_model, label, sent_at: now, actions: [ABORT] });
    model.send = () => {
      throw new Error("comm is closed");
    };
    const el = document.createElement("div");
    jobWidget().render({ model, el });
    expect(el.textContent).toContain("RUNNING");
  });
});

describe("a connection problem", () => {
  it("shows the last status, its age and the reason", () => {
    const { seen, find } = open("trouble");
    expect(find(".flw-pill").className).toContain("flw-pill-trouble");
    expect(seen(".flw-pill")).toBe("!reconnecting (3)");
    expect(seen(".flw-last-known")).toBe("RUNNING 42 s ago");
    expect(seen(".flw-banner")).toBe("!Connection to server:8002 lost, trying again (3)");
    expect(find(".flw-job").firstElementChild).toBe(find(".flw-banner"));
    expect(seen(".flw-elapsed")).toBe("2 min 12 s elapsed when last seen");
    vi.advanceTimersByTime(20_000);
    expect(seen(".flw-elapsed")).toBe("2 min 12 s elapsed when last seen");
    expect(seen(".flw-last-known")).toBe("RUNNING 1 min 2 s ago");
  });

  it("of the kernel stops the clock of the job, and says so", () => {
    const { seen, find } = open("running");
    vi.advanceTimersByTime(40_000);
    expect(seen(".flw-banner")).toContain("No answer from the kernel");
    expect(seen(".flw-elapsed")).toBe("2 min 12 s elapsed when last seen");
    expect(seen(".flw-pill")).toBe("!not live");
    expect(seen(".flw-last-known")).toBe("RUNNING 41 s ago");
    expect(find(".flw-job").className).toContain("flw-trouble");
  });

  it("is cleared on reconnect", () => {
    const { model, seen, find, now } = open("trouble");
    model.receive({ view_model: { ...fixture("running").view_model, silence: [] }, sent_at: now });
    expect(find(".flw-job").className).not.toContain("flw-trouble");
    expect(seen(".flw-pill")).toBe("●RUNNING");
    expect(seen(".flw-banner")).toBe("");
    expect(seen("[role=status]")).toBe("hello-numpy: RUNNING, all problems resolved");
  });
});

describe("an ended job", () => {
  it.each(["completed", "failed", "failed in a round"] as const)("%s: no button, no ticking", (name) => {
    const { el, find, seen } = open(name, { actions: [] });
    const before = el.textContent;
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(60_000);
    expect(el.textContent).toBe(before);
    expect(find(".flw-foot").hidden).toBe(true);
    expect(seen(".flw-fresh:not(time)")).toBe("");
  });

  it("costs nothing with its actions, and ticks while one waits", () => {
    const clone = { ...ABORT, name: "clone", label: "Clone", question: "" };
    const { model, button } = open("completed", { actions: [clone] });
    model.sent.length = 0;
    vi.advanceTimersByTime(60_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(model.sent).toEqual([]);
    button("Clone").click();
    expect(vi.getTimerCount()).toBe(1);
    model.receive({ actions: [{ ...clone, revision: 1, state: "done", message: "cloned" }] });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("appears while the view is open", () => {
    const { model, seen, find } = open("running");
    expect(vi.getTimerCount()).toBe(2);
    const end = fixture("completed");
    model.receive({ view_model: end.view_model, sent_at: end.now, actions: [] });
    expect(seen(".flw-word")).toBe("FINISHED:COMPLETED");
    expect(seen(".flw-elapsed")).toBe("took 2 min 30 s");
    expect(find(".flw-job").dataset["category"]).toBe("done");
    model.fire("change");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("shows the failure and its site", () => {
    const { el } = open("failed");
    expect(el.querySelector(".flw-site-failed")?.textContent).toContain(
      "site-2 failed: unable to create the run folder: No space left on device",
    );
  });
});

describe("a job in a tab", () => {
  it.each([
    ["running", false],
    ["completed", true],
  ] as const)("that is %s: its results can be opened: %s", (name, canOpen) => {
    const { view_model, label, now } = fixture(name);
    const model = new FakeModel({ view_model, label, sent_at: now, actions: [ABORT] });
    const [place, el] = [new FakePlace(), document.createElement("div")];
    const close = jobWidget().render({ model, el, place });
    const button = el.querySelector<HTMLElement>(".flw-open-results");
    expect(button?.hidden).toBe(!canOpen);
    button?.click();
    expect(place.opened).toEqual([{ kind: "results", args: { job: fixture(name).view_model["job_id"] } }]);
    close();
  });
});

describe("available actions", () => {
  it("are confirmed, then sent to the kernel", () => {
    const { model, button, seen } = open("running");
    model.sent.length = 0;
    button("Abort").click();
    expect(model.sent).toEqual([{ kind: "ask", action: "abort" }]);
    button("Yes, abort").click();
    expect(model.sent.slice(1)).toEqual([{ kind: "start", action: "abort" }]);
    expect(seen(".flw-action-words")).toContain("Abort…");
    vi.advanceTimersByTime(4000);
    expect(seen(".flw-action-words")).toMatch(/waiting for an answer/);
    model.receive({ actions: [{ ...ABORT, revision: 1, state: "done", message: "abort requested" }] });
    expect(seen(".flw-action-words")).toContain("abort requested");
  });

  it("are absent without a session", () => {
    const { find } = open("running", { actions: [] });
    expect(find(".flw-foot").hidden).toBe(true);
  });

  it("stay after the job's end, with pending requests", () => {
    const { button, seen } = open("completed", {
      actions: [{ ...ABORT, name: "clone", label: "Clone", question: "" }],
    });
    button("Clone").click();
    vi.advanceTimersByTime(4000);
    expect(seen(".flw-action-words")).toMatch(/waiting for an answer/);
  });

  it("keep the focus when the job ends during confirmation", () => {
    const { model, button, find } = open("running");
    button("Abort").click();
    const end = fixture("completed");
    model.receive({ view_model: end.view_model, sent_at: end.now, actions: [] });
    expect(document.activeElement).toBe(find(".flw-job"));
  });
});

describe("a screen reader", () => {
  it("hears each status and problem once, no ticking numbers", () => {
    const { model, seen, job, now } = open("running");
    expect(seen("[role=status]")).toBe("");
    vi.advanceTimersByTime(5000);
    expect(seen("[role=status]")).toBe("");
    model.receive({ view_model: { ...job, connection_problem: "lost, trying again (1)" }, sent_at: now });
    expect(seen("[role=status]")).toBe("lost, trying again (1)");
    model.receive({ view_model: { ...job, connection_problem: "lost, trying again (2)" }, sent_at: now });
    expect(seen("[role=status]")).toBe("lost, trying again (1)");
    model.receive({ view_model: fixture("completed").view_model, sent_at: now });
    expect(seen("[role=status]")).toBe("hello-numpy: FINISHED:COMPLETED");
  });
});

describe("the label", () => {
  it("is the kernel's, updated with the rest", () => {
    const { model, find, now } = open("rounds");
    const label = (): string | null => find(".flw-job").getAttribute("aria-label");
    expect(label()).toBe(fixture("rounds").label);
    expect(label()).toContain("hospital-a training, hospital-b waiting for hospital-a");
    const end = fixture("completed");
    model.receive({ view_model: end.view_model, label: end.label, sent_at: now });
    expect(label()).toBe(end.label);
  });

  it.each([
    ["nothing", undefined],
    ["a number", 7],
    ["control characters", "a\u001b[2J\u202eb"],
    ["a long text", "x".repeat(5000)],
  ])("is printable and bounded when what comes is %s", (_, label) => {
    const { find } = open("running", { label });
    const shown = find(".flw-job").getAttribute("aria-label") ?? "";
    expect(shown).not.toMatch(/[\u0000-\u001f\u202a-\u202e]/);
    expect(shown.length).toBeLessThanOrEqual(1000);
  });
});

describe("hostile text", () => {
  it("stays text", () => {
    const setter = vi.spyOn(Element.prototype, "innerHTML", "set");
    const { el, seen, find } = open("hostile");
    expect(setter).not.toHaveBeenCalled();
    expect(el.querySelector("script, img, svg:not(.flw-strip-picture), b, i, style")).toBeNull();
    const handlers = [...el.querySelectorAll("*")]
      .flatMap((e) => e.getAttributeNames())
      .filter((n) => n.startsWith("on"));
    expect(handlers).toEqual([]);
    expect(seen(".flw-name")).toBe("<script>alert(1)</script>�[31m");
    expect(find(".flw-copy").title).toContain('id"><img src=x onerror=alert(1)>');
    expect(seen(".flw-banner")).toContain("</style><script>t()</script>");
    expect(find(".flw-job").getAttribute("aria-label")).toContain("RUN<i>NING");
    expect(el.textContent).not.toMatch(/[\u0000-\u001f\u202a-\u202e\u2066-\u2069]/);
    expect(seen(".flw-site-failed .flw-site-state").length).toBeLessThan(250);
  });
});

describe("dispose", () => {
  it("leaves no timer, listener or element", () => {
    const { model, el, close, stop } = open("running");
    close();
    expect(vi.getTimerCount()).toBe(0);
    expect(el.childElementCount).toBe(0);
    stop();
    expect(model.listening).toBe(0);
  });

  it("does not affect another view of the model", () => {
    const { model, close, host, now, job } = open("running");
    const other = host();
    close();
    vi.advanceTimersByTime(1000);
    expect(other.el.querySelector(".flw-elapsed")?.textContent).toBe("2 min 15 s elapsed");
    model.receive({ view_model: { ...job, name: "renamed" }, sent_at: now });
    expect(other.el.querySelector(".flw-name")?.textContent).toBe("renamed");
    other.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
