/** The panel against a kernel that answers as flare_widgets/views/job/log.py does. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { writePreference } from "../../core/preferences";
import { createLogPanel, type LogPanel } from "./panel";
import type { LogRequest } from "./source";

const PIECE = 2500;

/** A record as the kernel sends it. */
function record(text: string, source = "FedAvg"): string[] {
  return ["2026-11-28 02:45:02,961", source, "INFO", "identity=local", text];
}

/** A kernel with a log; `answer()` answers what was asked last. */
class Kernel {
  lines: (string | string[])[] = [];
  levels = "";
  origins = "";
  marks: [number, string][] = [];
  asked: LogRequest[] = [];
  state = "live";
  words = "";
  keptFrom = 1;
  /** A target whose log may not be read. */
  denied = "";
  panel!: LogPanel;

  log(count: number, text = (n: number) => `2026-11-23 19:00:45,046 - Trainer - INFO - step ${n}`, level = "i"): void {
    for (let i = 0; i < count; i++) this.lines.push(text(this.lines.length + 1));
    this.levels += level.repeat(count);
    this.origins += "f".repeat(count);
  }

  add(line: string | string[], origin: string, level = "i"): void {
    this.lines.push(line);
    this.levels += level;
    this.origins += origin;
  }

  answer(): boolean {
    const request = this.asked.pop();
    if (!request) return false;
    const first = request.epoch === 1 ? request.since : this.keptFrom;
    const isDenied = request.target === this.denied;
    const lines = isDenied ? [] : this.lines.slice(first - 1, first - 1 + PIECE);
    this.panel.handleMessage({
      ...{
        kind: "log",
        target: request.target,
        epoch: 1,
        first,
        lines,
        levels: this.levels.slice(first - 1, first - 1 + PIECE),
        origins: this.origins.slice(first - 1, first - 1 + PIECE),
        marks: this.marks,
      },
      ...{ more: !isDenied && first + lines.length <= this.lines.length, kept_from: this.keptFrom, left_out: 0 },
      ...{ state: isDenied ? "none" : this.state, message: isDenied ? "you may not read it" : this.words },
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
    rows: () =>
      [...panel.element.querySelectorAll<HTMLElement>(".flw-log-line")].sort(
        (a, b) => Number(a.dataset["index"]) - Number(b.dataset["index"]),
      ),
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
  writePreference("log-own-only", false);
  writePreference("log-wrap", false);
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
    expect(find(".flw-log-words").textContent).toBe("No answer yet (busy or stopped)");
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
    find<HTMLSelectElement>(".flw-log-who").value = "site-1";
    find(".flw-log-who").dispatchEvent(new Event("change"));
    kernel.pass(10);
    expect(find("[data-level=error]").textContent).toBe("✕ 1 error");
    expect(find("[data-level=info]").hidden).toBe(true);
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

describe("the user's own code", () => {
  const mixed = (k: Kernel): void => {
    k.add(record("Round 0 started."), "f");
    k.add(record("loss 0.31", "print"), "o");
    k.add("  of two lines", "o");
    k.add(record("Register blob CB", "Cell"), "t");
    k.add(record("sent", "Cell"), "t");
    k.marks = [
      [1, "round 1"],
      [4, "round 2"],
    ];
  };
  const shown = (rows: () => HTMLElement[]): (string | null)[] =>
    rows().map((row) => row.querySelector(".flw-log-text")!.textContent);

  it("is shown alone on request, which later panels keep", () => {
    const { kernel, unfold, button, rows } = open(mixed);
    unfold();
    kernel.pass(10);
    expect(rows()).toHaveLength(5); // with the day, and a fold
    expect(button("My code only (2)").getAttribute("aria-pressed")).toBe("false");
    button("My code only (2)").click();
    expect(shown(rows).slice(1)).toEqual(["loss 0.31", "  of two lines"]);
    expect(button(/about connections/).hidden).toBe(true);
    const later = open(mixed);
    later.unfold();
    later.kernel.pass(10);
    expect(later.button("My code only (2)").getAttribute("aria-pressed")).toBe("true");
    later.button("My code only (2)").click();
    expect(later.rows()).toHaveLength(5);
  });

  it("is said to be elsewhere when it has printed nothing", () => {
    const { kernel, unfold, button, find } = open((k) => k.log(3));
    unfold();
    kernel.pass(10);
    button("My code only (0)").click();
    expect(find(".flw-list").hidden).toBe(true);
    expect(find(".flw-log-words").textContent).toContain("Choose a site");
  });

  it("is not confused with folded lines, which open on a click or by keyboard", () => {
    const { kernel, unfold, rows, button, find } = open(mixed);
    unfold();
    kernel.pass(10);
    expect(shown(rows).at(-1)).toBe("▸ 2 lines about connections");
    rows().at(-1)!.click();
    expect(shown(rows).slice(-2)).toEqual(["Register blob CB", "sent"]);
    button("2 about connections").click();
    button("2 about connections").click();
    find(".flw-list").dispatchEvent(new KeyboardEvent("keydown", { key: "End", bubbles: true }));
    find(".flw-list").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    expect(shown(rows).slice(-2)).toEqual(["Register blob CB", "sent"]);
  });

  it("has rounds to jump to", () => {
    const { kernel, unfold, find, heard } = open(mixed);
    unfold();
    kernel.pass(10);
    const jump = find<HTMLSelectElement>(".flw-log-jump");
    expect([...jump.options].map((option) => option.text)).toEqual(["Jump to…", "round 1", "round 2"]);
    jump.value = "0";
    jump.dispatchEvent(new Event("change"));
    expect(heard.at(-1)).toBe("line 1: Round 0 started.");
    expect(find(".flw-active .flw-log-text").textContent).toBe("Round 0 started.");
    expect(jump.value).toBe("");
  });

  it("has tasks to jump to, by their times, where rounds are not known", () => {
    const { kernel, unfold, find } = open((k) => {
      mixed(k);
      k.marks = [
        [1, "round 1"],
        [2, "round 1"],
        [4, "task train"],
        [5, "task train"],
      ];
    });
    unfold();
    kernel.pass(10);
    const labels = [...find<HTMLSelectElement>(".flw-log-jump").options].map((option) => option.text);
    expect(labels).toEqual(["Jump to…", "round 1", "task train, 02:45:02", "task train, 02:45:02"]);
  });
});

describe("targets", () => {
  it("are grouped, with the one that has the code's output first", () => {
    const { find, panel } = open();
    panel.draw({ targets: ["site-1", "site-2", "server"], jobId: "76b8d043", ended: false });
    const groups = [...find(".flw-log-who").querySelectorAll("optgroup")];
    expect(groups.map(({ label }) => label)).toEqual(["sites: the output of your code", "server: rounds, aggregation"]);
    expect(find<HTMLSelectElement>(".flw-log-who").value).toBe("site-1");
  });

  it("fall back to the server if a site's log may not be read", () => {
    const { kernel, panel, unfold, find } = open();
    panel.draw({ targets: ["site-1", "server"], jobId: "76b8d043", ended: false });
    kernel.denied = "site-1";
    kernel.log(2);
    unfold();
    expect(find<HTMLSelectElement>(".flw-log-who").value).toBe("server");
    expect(find("[data-level=info]").textContent).toBe("2 info");
    // A reader who chooses the site is told why there is nothing.
    find<HTMLSelectElement>(".flw-log-who").value = "site-1";
    find(".flw-log-who").dispatchEvent(new Event("change"));
    kernel.pass(10);
    expect(find(".flw-log-words").textContent).toBe("you may not read it");
  });
});

describe("reveal", () => {
  const failing = (k: Kernel): void => {
    k.log(3000);
    k.add(record("Traceback (most recent call last):", "TaskScriptRunner"), "o", "e");
    k.add("ValueError: shapes", "o", "e");
    k.add(record("the end"), "f");
    k.add(["2026-11-28 02:45:09,000", "ClientRunner", "ERROR", "", "fire abort event"], "f", "e");
  };

  it.each([
    ["a further line", "ValueError: shapes", "line 3002: ValueError: shapes"],
    ["a cut line", "ValueErr…", "line 3002: ValueError: shapes"],
    ["a record", "02:45:09,000 - ClientRunner - ERROR - fire abort event", "line 3004: fire abort event"],
    ["no line of this log: the last error", "03:00:00,000 - X - ERROR - y", "line 3004: fire abort event"],
  ])("opens the log at %s", (_, line, said) => {
    const { kernel, panel, find, heard } = open(failing);
    writePreference("log-own-only", true);
    panel.reveal("site-1", line);
    kernel.pass(1000);
    expect(find(".flw-log-fold").getAttribute("aria-expanded")).toBe("true");
    expect(find<HTMLSelectElement>(".flw-log-who").value).toBe("site-1");
    expect(heard.at(-1)).toBe(said);
    expect(find(".flw-log-current .flw-log-text").textContent).toBe(said.replace(/^line \d+: /, ""));
  });
});

it("lines are wrapped on request, which later panels keep", () => {
  const { panel, button } = open((k) => k.log(3));
  button("Wrap").click();
  expect(panel.element.classList.contains("flw-log-wrapped")).toBe(true);
  expect(open().panel.element.classList.contains("flw-log-wrapped")).toBe(true);
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
