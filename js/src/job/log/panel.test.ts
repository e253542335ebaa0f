/** The panel against a kernel that answers as flare_widgets/views/job/log.py does. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createLogPanel, type LogPanel } from "./panel";
import type { LogRequest } from "./source";

const PIECE = 2500;

/** A kernel with a log; `answer()` answers what was asked last. */
class Kernel {
  lines: string[] = [];
  levels = "";
  asked: LogRequest[] = [];
  state = "live";
  words = "";
  keptFrom = 1;
  panel!: LogPanel;

  log(count: number, text = (n: number) => `2026-11-23 19:00:45,046 - Trainer - INFO - step ${n}`, level = "i"): void {
    for (let i = 0; i < count; i++) this.lines.push(text(this.lines.length + 1));
    this.levels += level.repeat(count);
  }

  answer(): boolean {
    const request = this.asked.pop();
    if (!request) return false;
    const first = request.epoch === 1 ? request.since : this.keptFrom;
    const lines = this.lines.slice(first - 1, first - 1 + PIECE);
    this.panel.handleMessage({
      ...{
        kind: "log",
        target: request.target,
        epoch: 1,
        first,
        lines,
        levels: this.levels.slice(first - 1, first - 1 + PIECE),
      },
      ...{ more: first + lines.length <= this.lines.length, kept_from: this.keptFrom, left_out: 0 },
      ...{ state: this.state, message: this.words },
    });
    return true;
  }

  /** Let time pass, and answer all that is asked. */
  pass(milliseconds: number): void {
    for (let passed = 0; passed < milliseconds; passed += 5) {
      vi.advanceTimersByTime(5);
      while (this.answer());
    }
  }
}

const HEIGHT = 288;
const opened: LogPanel[] = [];

function open(prepare: (kernel: Kernel) => void = () => {}) {
  const kernel = new Kernel();
  prepare(kernel);
  const heard: string[] = [];
  const panel = createLogPanel({
    send: (request) => kernel.asked.push(request),
    announce: (words) => heard.push(words),
  });
  kernel.panel = panel;
  opened.push(panel);
  document.body.append(panel.element);
  panel.draw({ targets: ["server", "site-1"], jobId: "76b8d043", ended: false });
  const find = <T extends HTMLElement = HTMLElement>(selector: string): T => panel.element.querySelector<T>(selector)!;
  const button = (label: string | RegExp): HTMLElement =>
    [...panel.element.querySelectorAll("button")].find((b) =>
      typeof label === "string"
        ? (b.getAttribute("aria-label") ?? b.textContent) === label
        : label.test(b.textContent ?? ""),
    )!;
  return {
    kernel,
    panel,
    heard,
    find,
    button,
    rows: () => [...panel.element.querySelectorAll<HTMLElement>(".flw-log-line")],
    unfold() {
      find(".flw-log-fold").click();
      kernel.pass(10);
    },
    search(text: string) {
      find<HTMLInputElement>(".flw-log-search").value = text;
      find(".flw-log-search").dispatchEvent(new Event("input"));
      vi.advanceTimersByTime(200);
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  // Everything that is not hidden is visible.
  vi.stubGlobal("IntersectionObserver", undefined);
  // A document without a layout: the list must believe that it has a height.
  vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockReturnValue(HEIGHT);
  vi.spyOn(HTMLElement.prototype, "offsetWidth", "get").mockReturnValue(600);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(HEIGHT);
});
afterEach(() => {
  opened.splice(0).forEach((panel) => panel.dispose());
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
  document.body.replaceChildren();
});

describe("polling", () => {
  it("stops while the log is collapsed", () => {
    const { kernel, unfold, find } = open((k) => k.log(3));
    kernel.pass(5000);
    expect(kernel.asked).toEqual([]);
    unfold();
    expect(find(".flw-log-fold").getAttribute("aria-expanded")).toBe("true");
    kernel.pass(3000);
    find(".flw-log-fold").click();
    kernel.asked.length = 0;
    vi.advanceTimersByTime(60_000);
    expect(kernel.asked).toEqual([]);
  });

  it("stops while the page is hidden and after dispose", () => {
    const { kernel, unfold, panel } = open((k) => k.log(3));
    unfold();
    const hidden = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    vi.advanceTimersByTime(10_000);
    expect(kernel.asked).toEqual([]);
    hidden.mockReturnValue("visible");
    document.dispatchEvent(new Event("visibilitychange"));
    vi.advanceTimersByTime(10);
    expect(kernel.asked).toHaveLength(1);
    panel.dispose();
    kernel.asked.length = 0;
    vi.advanceTimersByTime(60_000);
    expect(kernel.asked).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("requests new lines about once a second", () => {
    const { kernel, unfold } = open((k) => k.log(3));
    unfold();
    const asked = vi.spyOn(kernel.asked, "push");
    kernel.pass(10_000);
    expect(asked.mock.calls.length).toBeGreaterThan(7);
    expect(asked.mock.calls.length).toBeLessThan(11);
    expect(asked.mock.calls.at(-1)).toEqual([{ kind: "log", target: "server", since: 4, epoch: 1 }]);
  });

  it("stops after the end of the log", () => {
    const { kernel, unfold, find, panel } = open((k) => k.log(3));
    kernel.state = "over";
    unfold();
    vi.advanceTimersByTime(60_000);
    expect(kernel.asked).toEqual([]);
    expect(find(".flw-log-words").textContent).toBe("the end of the log");
    panel.draw({ targets: ["server", "site-1"], jobId: "76b8d043", ended: true });
    vi.advanceTimersByTime(10);
    expect(kernel.asked).toHaveLength(1);
  });

  it("repeats and reports unanswered requests", () => {
    const { kernel, unfold, find } = open((k) => k.log(3));
    unfold();
    vi.advanceTimersByTime(6100);
    expect(find(".flw-log-words").textContent).toBe("No answer from the kernel (busy or stopped)");
    expect(kernel.asked.length).toBeGreaterThan(1);
    kernel.pass(10);
    expect(find(".flw-log-words").textContent).toBe("");
  });
});

describe("the lines", () => {
  it("are rendered by few elements", () => {
    const { kernel, unfold, rows, panel } = open((k) => k.log(100_000));
    unfold();
    kernel.pass(4000);
    expect(panel.element.querySelector(".flw-log-level[data-level=info]")?.textContent).toBe("100,000 info");
    expect(rows().length).toBeGreaterThan(10);
    expect(rows().length).toBeLessThan(60);
    expect(panel.element.querySelectorAll("*").length).toBeLessThan(500);
  });

  it("that were dropped are counted", () => {
    const { kernel, unfold, find } = open((k) => k.log(30_000));
    kernel.keptFrom = 23_001;
    unfold();
    kernel.pass(1000);
    expect(find(".flw-log-earlier").textContent).toBe(
      "… 23,000 lines before these are not shown: %flare logs 76b8d043 shows them",
    );
  });

  it("are explained when absent", () => {
    const { kernel, unfold, find } = open();
    kernel.state = "none";
    kernel.words = "hospital-b has no log of this job\u001b[2J";
    unfold();
    expect(find(".flw-log-words").textContent).toBe("hospital-b has no log of this job�[2J");
    expect(find(".flw-list").hidden).toBe(true);
  });

  it("of another target replace these", () => {
    const { kernel, unfold, find } = open((k) => k.log(3));
    unfold();
    kernel.lines = ["of site 1"];
    kernel.levels = "e";
    find<HTMLSelectElement>("select").value = "site-1";
    find("select").dispatchEvent(new Event("change"));
    kernel.pass(10);
    expect(find("[data-level=error]").textContent).toBe("✕ 1 error");
    expect(find("[data-level=info]").textContent).toBe("0 info");
  });
});

describe("levels", () => {
  it("are filtered by buttons with counts and state", () => {
    const { kernel, unfold, button, rows, find } = open((k) => {
      k.log(5);
      k.log(2, (n) => `broken ${n}`, "e");
    });
    unfold();
    kernel.pass(10);
    expect(rows()).toHaveLength(7);
    button(/5 info/).click();
    expect(rows().map((row) => row.dataset["level"])).toEqual(["error", "error"]);
    expect(button(/5 info/).getAttribute("aria-pressed")).toBe("false");
    button(/2 errors/).click();
    expect(find(".flw-log-words").textContent).toBe("all lines are hidden by the level filters");
  });
});

describe("search", () => {
  it("counts matches, cycles on Enter, clears on Escape", () => {
    const { unfold, search, find, kernel, panel } = open((k) => k.log(30));
    unfold();
    kernel.pass(10);
    search("step 1");
    expect(find(".flw-log-count").textContent).toBe("11");
    const key = (name: string, shiftKey = false): void => {
      find(".flw-log-search").dispatchEvent(
        new KeyboardEvent("keydown", { key: name, shiftKey, bubbles: true, cancelable: true }),
      );
    };
    const count = (): string | null => find(".flw-log-count").textContent;
    key("Enter");
    const first = count();
    key("Enter");
    expect(count()).not.toBe(first);
    key("Enter", true);
    expect(count()).toBe(first);
    for (let i = 0; i < 11; i++) key("Enter");
    expect(count()).toBe(first);
    expect(panel.element.querySelector(".flw-log-current mark")?.textContent).toBe("step 1");
    key("Escape");
    expect(count()).toBe("");
    expect(panel.element.querySelector("mark")).toBeNull();
    search("nowhere");
    expect(count()).toBe("not found");
  });
});

describe("copy", () => {
  const copiedText = vi.fn(async (_: string) => {});
  beforeEach(() => {
    copiedText.mockClear();
    vi.stubGlobal("navigator", { clipboard: { writeText: copiedText } });
  });
  afterEach(() => vi.unstubAllGlobals());

  it("copies all shown lines without codes", async () => {
    const { unfold, button, kernel, heard } = open((k) => {
      k.log(2, (n) => `\u001b[31mred ${n}\u001b[0m`);
      k.log(1, () => "hidden", "d");
    });
    unfold();
    kernel.pass(10);
    button(/1 debug/).click();
    button("Copy").click();
    await vi.advanceTimersByTimeAsync(0);
    expect(copiedText).toHaveBeenCalledWith("red 1\nred 2\n");
    expect(heard).toContain("copied 2 lines");
  });

  it("copies lines selected by keyboard", async () => {
    const { unfold, find, kernel, heard } = open((k) => k.log(9, (n) => `line ${n}`));
    unfold();
    kernel.pass(10);
    const press = (key: string, more: KeyboardEventInit = {}): void => {
      find(".flw-list").dispatchEvent(new KeyboardEvent("keydown", { key, ...more, bubbles: true, cancelable: true }));
    };
    press("Home");
    press("ArrowDown");
    press("ArrowDown", { shiftKey: true });
    press("ArrowDown", { shiftKey: true });
    expect(find(".flw-list").querySelectorAll(".flw-log-selected")).toHaveLength(3);
    press("c", { ctrlKey: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(copiedText).toHaveBeenCalledWith("line 2\nline 3\nline 4\n");
    expect(heard).toContain("copied 3 lines");
  });
});
