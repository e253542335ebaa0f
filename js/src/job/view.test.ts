/** Drawing of a job's rounds, sites, failure and details. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { stubCanvas } from "../core/stub-canvas";
import { readFileActions } from "../results/parts/file-actions";
import { readContents } from "../results/view-model";
import { readEvents } from "./events";
import { fixture } from "./fixtures";
import { readMetrics } from "./metrics";
import { readTableSections } from "./tables";
import { createJobView } from "./view";
import { readViewModel } from "./view-model";

function open(name: Parameters<typeof fixture>[0], memory = new Map<string, boolean>()) {
  const { view_model: job, label, now } = fixture(name);
  vi.setSystemTime(now * 1000);
  const clock = (): number => Date.now() / 1000;
  const sent: unknown[] = [];
  const view = createJobView({
    kernelNow: clock,
    browserNow: clock,
    send: (message) => sent.push(message),
    openSections: memory,
  });
  document.body.append(view.element);
  const show = (drawn: unknown, hasLog = false, result: unknown = {}, fileActions: unknown = []): void =>
    view.draw({
      job: readViewModel(drawn),
      kernelProblem: "",
      metrics: readMetrics(fixture(name).metrics),
      hiddenMetrics: "",
      tables: readTableSections(fixture(name).tables),
      result: readContents(result),
      fileActions: readFileActions({ actions: fileActions }),
      events: readEvents(fixture(name).events),
      label,
      actions: [],
      hasLog,
    });
  show(job);
  const all = (selector: string): HTMLElement[] => [...view.element.querySelectorAll<HTMLElement>(selector)];
  const texts = (selector: string): string[] => all(selector).map((e) => e.textContent ?? "");
  const unfold = (title: string): void =>
    all("button.flw-fold")
      .find((b) => b.textContent?.includes(title))
      ?.click();
  return { view, all, texts, unfold, show, job, sent };
}

beforeEach(() => {
  vi.useFakeTimers();
  stubCanvas();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

describe("progress", () => {
  it("shows round, bar and countdown", () => {
    const { texts, all } = open("rounds");
    expect(texts(".flw-round")).toEqual(["round 6 of 10"]);
    expect(all(".flw-bar")[0]?.getAttribute("aria-valuenow")).toBe("55");
    expect(all(".flw-bar-fill")[0]?.style.width).toBe("55%");
    expect(texts(".flw-left")).toEqual(["about 1 min 20 s left"]);
    vi.advanceTimersByTime(5000);
    expect(texts(".flw-left")).toEqual(["about 1 min 15 s left"]);
    // The round lasts three times as long as usual: nobody knows any more when it ends.
    vi.advanceTimersByTime(30_000);
    expect(texts(".flw-left")).toEqual([""]);
  });

  it("is hidden before the first round", () => {
    expect(open("running").all(".flw-progress")[0]?.hidden).toBe(true);
    expect(open("running").all(".flw-left")[0]?.hidden).toBe(true);
  });
});

describe("the matrix", () => {
  it("has a glyph and label per cell and an activity per site", () => {
    const { texts, all } = open("late and silent");
    const rows = all(".flw-matrix tbody tr").map((row) => [...row.children].map((cell) => cell.textContent));
    expect(rows).toEqual([
      ["site-1", "■submitted", "!late", "late: training, round 2 for 2 min 57 s"],
      ["site-2", "■submitted", "■submitted", "waiting for site-1 and site-4"],
      ["site-3", "■submitted", "■submitted", "silent: no heartbeat for 50 s"],
      ["site-4", "■submitted", "!late", "has not fetched its task for 2 min 57 s"],
    ]);
    expect(texts(".flw-matrix thead th")).toEqual(["site", "round 1", "round 2", "now"]);
    vi.advanceTimersByTime(3000);
    expect(texts(".flw-now")[0]).toBe("late: training, round 2 for 3 min");
  });

  it("does not redraw cells while only time passes", () => {
    const { all, show, job } = open("rounds");
    const before = all(".flw-matrix td");
    show({ ...job });
    vi.advanceTimersByTime(2000);
    expect(all(".flw-matrix td").every((cell, i) => cell === before[i])).toBe(true);
  });

  it("says what is not shown, and hides old rounds in a narrow output", () => {
    const { texts, all, show, job } = open("rounds");
    const { matrix } = job as { matrix: Record<string, unknown> };
    show({ ...job, matrix: { ...matrix, rest: "and 276 earlier rounds, 20 more sites" } });
    expect(texts(".flw-matrix-box .flw-more")).toEqual(["and 276 earlier rounds, 20 more sites"]);
    expect(all(".flw-matrix thead .flw-old")).toHaveLength(2);
    show({ ...job, matrix: { ...matrix, narrow_count: 1 } });
    expect(all(".flw-matrix thead .flw-old")).toHaveLength(5);
    expect(all(".flw-matrix tbody tr:first-child .flw-old")).toHaveLength(5);
  });

  it("groups rounds and steps by workflow", () => {
    const { texts, all } = open("evaluation");
    const headings = all(".flw-workflows th").map((th) => [th.textContent, th.getAttribute("colspan")]);
    expect(headings).toEqual([
      ["workflow", null],
      ["1: ScatterAndGather", "3"],
      ["2: CrossSiteModelEval", "4"],
    ]);
    expect(texts(".flw-column")).toEqual(["round 1", "round 2", "submit_model", "validate", "validate 2"]);
    expect(all(".flw-column")[4]?.title).toBe("validate 2 (validating)");
    // The second workflow begins where its heading does, in each row.
    const rows = all(".flw-matrix tr").slice(1);
    expect(rows.map((row) => [...row.children].findIndex((cell) => cell.className.includes("flw-edge")))).toEqual([
      4, 4, 4,
    ]);
    expect(texts(".flw-now")).toEqual(["waiting for site-2", "validating for 6 s"]);
  });

  it("has rows without columns for sites that work on their own", () => {
    const { texts, all } = open("on their own");
    expect(all(".flw-matrix thead tr")).toHaveLength(0);
    expect(texts(".flw-matrix tbody tr")).toEqual([
      "site-1works on its own (XGBoost)",
      "site-2works on its own (XGBoost)",
    ]);
    expect(texts(".flw-round")).toEqual(["the sites work on their own (XGBoost)"]);
    expect(texts(".flw-footnotes li")[0]).toContain("its evaluation comes with the result");
    expect(all(".flw-matrix-box ~ .flw-footnotes")).toHaveLength(1);
  });

  it("replaces the site chips", () => {
    expect(open("rounds").all(".flw-sites")[0]?.hidden).toBe(true);
    expect(open("running").all(".flw-site")).toHaveLength(3);
    expect(open("running").all(".flw-matrix-box")[0]?.hidden).toBe(true);
  });
});

describe("the failure", () => {
  it("has a button that opens the log of the failed site", () => {
    vi.stubGlobal("IntersectionObserver", undefined);
    const { all, show, job, sent } = open("failed in a round");
    const buttons = (): HTMLElement[] => all(".flw-failure-log button");
    expect(buttons()).toEqual([]);
    show(job, true);
    expect(buttons().map((button) => button.textContent)).toEqual(["Show the log of hospital-b"]);
    buttons()[0]?.click();
    vi.advanceTimersByTime(10);
    expect(sent).toEqual([{ kind: "log", target: "hospital-b", since: 1, epoch: 0 }]);
    expect(all(".flw-log-fold")[0]?.getAttribute("aria-expanded")).toBe("true");
  });

  it("shows cause, place and next step; log on expand", () => {
    const { texts, all, unfold } = open("failed in a round");
    expect(texts(".flw-failure-what")).toEqual([
      "✕ hospital-b failed in round 3: ValueError: shapes (10,) and (12,) not aligned",
    ]);
    expect(texts(".flw-failure-where")).toEqual(["client.py, line 41, in train"]);
    expect(texts(".flw-failure-next")).toEqual(["Next: correct client.py and submit the job again"]);
    expect(texts(".flw-code")).toEqual(["loss = np.dot(x, w)"]);
    const button = all("button.flw-fold")[0];
    expect(button?.textContent).toBe("▸last 2 lines of the log of hospital-b");
    expect(button?.getAttribute("aria-expanded")).toBe("false");
    unfold("last 2 lines");
    expect(button?.getAttribute("aria-expanded")).toBe("true");
    expect(texts(".flw-code")[1]).toContain("ERROR shapes not aligned");
    unfold("last 2 lines");
    expect(texts(".flw-code")).toHaveLength(1);
  });

  it("is announced once", () => {
    const { texts, show } = open("running");
    expect(texts("[role=status]")).not.toContain("hospital-b failed in round 3");
    const { failure } = fixture("failed in a round").view_model;
    show({ ...fixture("running").view_model, failure });
    expect(texts("[role=status]").join()).toContain("hospital-b failed in round 3");
  });

  it("is not prominent while the job runs", () => {
    expect(open("hostile").all(".flw-failure-loud")).toHaveLength(0);
    expect(open("failed in a round").all(".flw-failure-loud")).toHaveLength(1);
  });
});

describe("the banner", () => {
  it("is first, and counts by the same clock as the row of the site", () => {
    const { texts, view } = open("late and silent");
    expect(view.element.firstElementChild?.className).toBe("flw-banner");
    expect(texts(".flw-banner li")).toEqual([
      "!site-3 is silent: no heartbeat for 50 s",
      "!site-4 has not fetched its task for 2 min 57 s",
      "!site-1 has been working for 2 min 57 s, much longer than usual",
    ]);
    vi.advanceTimersByTime(3000);
    expect(texts(".flw-banner li")[0]).toBe("!site-3 is silent: no heartbeat for 53 s");
    expect(texts(".flw-now")[2]).toBe("silent: no heartbeat for 53 s");
    expect(texts(".flw-pill")).toEqual(["!RUNNING"]);
    expect(texts(".flw-left")).toEqual([""]);
  });

  it("tells of a monitor that is silent, and stays away from a job that goes well", () => {
    const { texts, all } = open("rounds");
    expect(texts(".flw-banner li")).toEqual([]);
    expect(all(".flw-banner")[0]?.hidden).toBe(true);
    const { texts: later, show, job } = open("rounds");
    const silence = [{ text: [""] }, { text: ["no news of the job for ", ""], moment: 0, after: 40 }];
    show({ ...job, silence });
    expect(later(".flw-banner li")[0]).toContain("no news of the job for");
  });
});

it("shows a job that no process runs as lost, its clock stopped", () => {
  const { texts, view } = open("lost");
  expect(texts(".flw-pill")).toEqual(["!LOST"]);
  expect(view.element.dataset["category"]).toBe("lost");
  expect(texts(".flw-current")[0]).toMatch(/^lost/);
  expect(texts(".flw-ahead")).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(texts(".flw-elapsed")).toEqual(["ran for 1 min or more"]);
  expect(texts(".flw-banner li")[0]).toContain("the server no longer runs it");
});

describe("notes and details", () => {
  it("show unavailable data", () => {
    const { texts } = open("late and silent");
    expect(texts(".flw-notes li")).toEqual(["metrics not known (your role may not read the server's files)"]);
  });

  it("draw details on expand, with growing ages", () => {
    const { texts, all, unfold } = open("late and silent");
    expect(all(".flw-details")).toHaveLength(0);
    unfold("Details");
    expect(texts("dt")).toContain("rounds");
    expect(texts("dd")).toContain("known, as of 1 s ago");
    vi.advanceTimersByTime(4000);
    expect(texts("dd")).toContain("known, as of 5 s ago");
    unfold("Details");
    expect(all(".flw-details")).toHaveLength(0);
  });

  it("keep expanded sections in later views", () => {
    const memory = new Map<string, boolean>();
    const first = open("rounds", memory);
    first.unfold("Details");
    first.view.dispose();
    expect(open("rounds", memory).all(".flw-details")).toHaveLength(1);
  });
});

describe("events", () => {
  it("are counted in the heading and listed on expand", () => {
    const { texts, all, unfold } = open("evaluation");
    expect(texts("button.flw-fold")).toContain("▸Events (1 error, 5 warnings)");
    expect(all(".flw-event")).toHaveLength(0);
    unfold("Events");
    expect(texts(".flw-event-text")).toEqual([
      "workflow: workflow ScatterAndGather started",
      "warning: site-2 sent no metric ×5",
      "error: site-1: ValueError: no such file",
    ]);
    expect(all(".flw-event-error .flw-glyph")[0]?.textContent).toBe("✕");
    expect(all(".flw-event time")[0]?.getAttribute("datetime")).toBe("2026-11-23T14:03:37.000Z");
  });

  it("have no section while there are none", () => {
    const { all } = open("running");
    const section = all(".flw-section").find((e) => e.textContent?.includes("Events"));
    expect(section?.hidden).toBe(true);
  });
});

describe("tables of results", () => {
  it("mark the best model of each site", () => {
    const { texts, all } = open("evaluated");
    expect(texts(".flw-values caption")).toEqual(["accuracy (higher is better)", "loss (lower is better)"]);
    const [first] = all(".flw-values");
    const rows = [...(first?.querySelectorAll("tr") ?? [])].map((row) => [...row.children].map((e) => e.textContent));
    expect(rows).toEqual([
      ["model", "site-1", "site-2", "mean of the sites"],
      ["SRV_FL_global_model.pt", "0.700", "0.750 (best)", "0.725 (best)"],
      ["site-1", "0.800 (best)", "0.600", "0.700"],
    ]);
  });

  it("show statistics of features", () => {
    const { texts } = open("statistics");
    expect(texts(".flw-values caption")).toEqual(["Statistics of all sites"]);
    expect(texts(".flw-values tbody th")).toEqual(["age", "hours per week"]);
  });

  it("fold, and stay folded in later views", () => {
    const memory = new Map<string, boolean>();
    const first = open("evaluated", memory);
    first.unfold("Evaluation");
    expect(first.all(".flw-values")).toHaveLength(0);
    first.view.dispose();
    expect(open("evaluated", memory).all(".flw-values")).toHaveLength(0);
  });
});

it.each([
  null,
  5,
  "x",
  [null],
  { rows: [null, { at: "x", count: [] }] },
  [{ tables: [null, { rows: [5], headings: 7 }] }],
])("reads %j as harmless events and tables", (value) => {
  expect(readEvents(value).rows.every(({ text, count }) => text === "" && count === 1)).toBe(true);
  expect(readTableSections(value).flatMap(({ tables }) => tables.flatMap(({ headings }) => headings))).toEqual([]);
});

describe("the result", () => {
  const file = { name: "server.npy", size: "1 kB", kind: "model", text: "", action: "fetch models/server.npy" };
  const contents = {
    models: [{ name: "models/server.npy", facts: "1 kB", action: "fetch models/server.npy" }],
    tree: {
      summary: "1 file, 1 kB",
      folders: [{ name: "models", summary: "1 file", folders: [], files: [file] }],
      files: [],
    },
  };

  it("has no section before the job has ended", () => {
    expect(open("running").all(".flw-result")[0]?.hidden).toBe(true);
  });

  it("lists models and files, each with a button that asks for it alone", () => {
    const { show, job, texts, unfold, all, sent } = open("completed");
    show(job, false, contents);
    expect(texts("button.flw-fold")).toContain("▸Result (1 model, 1 file, 1 kB)");
    unfold("Result");
    unfold("models/");
    const buttons = all(".flw-file-action .flw-buttons .flw-button");
    expect(buttons).toHaveLength(2);
    buttons[1]?.click();
    expect(sent).toContainEqual({ kind: "start", action: "fetch models/server.npy" });
    const done = { name: file.action, label: "Download", state: "done", message: "downloaded to here", revision: 1 };
    show(job, false, contents, [done]);
    expect(texts(".flw-file-action .flw-action-line")).toContain("downloaded to hereCancel");
  });
});

it("draws hostile text as text", () => {
  const { view, unfold } = open("hostile");
  unfold("Details");
  unfold("last");
  expect(
    view.element.querySelectorAll("script, img, svg:not(.flw-swatch, .flw-strip-picture), i, b, a, iframe, style"),
  ).toHaveLength(0);
  expect(view.element.textContent).not.toMatch(/[\u001b\u0007\u202e\u2066]/);
  expect(view.element.textContent).toContain("</pre><script>x()</script>");
});

it("survives an invalid view model", () => {
  const nonsense = [
    null,
    5,
    "x",
    [],
    { progress: 5, matrix: "x", failure: [], problems: {}, missing_notes: [5], details: [null], steps: [null] },
    {
      progress: { text: 5, fraction: 1e9, time_left: "x" },
      matrix: {
        columns: [null, "a", {}],
        workflows: [{ span: 1e9 }, 5],
        rows: [{ cells: "zz\u202e", site: {} }],
        legend: [5],
      },
      steps: Array.from({ length: 5000 }, (_, i) => ({ label: `S${i}`, phase: "passed", at: i, is_exact: false })),
    },
    { failure: { summary: "x".repeat(1_000_000), log_lines: ["y".repeat(1_000_000)] } },
  ];
  const { view, show } = open("running");
  for (const drawn of nonsense) {
    show(drawn);
    expect((view.element.textContent ?? "").length).toBeLessThan(10_000);
  }
});
