/** The rules of the table that need no document: order, selection, available actions. */
import { describe, expect, it } from "vitest";
import { readActions } from "../core/actions";
import { availableActions } from "./available-actions";
import { JOBS, listedJob, NOW } from "./fixtures";
import { readListedJob } from "./listed-job";
import { type Column, NEWEST_FIRST, nextSortOrder, sortJobs } from "./order";
import { progressText } from "./row";
import { Selection } from "./selection";

const order = (column: Column, descending: boolean): string =>
  sortJobs(JOBS, { column, descending }, NOW)
    .map(({ id }) => id[0])
    .join("");

describe("the order", () => {
  it.each([
    ["submitted", true, "abcde"],
    ["submitted", false, "edcba"],
    ["name", false, "dbace"],
    ["name", true, "acebd"],
    ["status", false, "decba"],
    ["time", true, "ebdca"],
    ["time", false, "cdbea"],
    ["submitter", true, "cabde"],
    ["study", true, "eabcd"],
    ["arguments", false, "dbace"],
    ["id", true, "edcba"],
  ] as const)("by %s, descending %s", (column, descending, ids) => expect(order(column, descending)).toBe(ids));

  it("reverses on the second click; times start descending", () => {
    const first = nextSortOrder(NEWEST_FIRST, "time");
    expect(first).toEqual({ column: "time", descending: true });
    expect(nextSortOrder(first, "time")).toEqual({ column: "time", descending: false });
    expect(nextSortOrder(first, "name")).toEqual({ column: "name", descending: false });
  });

  it("puts unknown values last in both directions", () => {
    const jobs = [listedJob("x", { submitted_at: null }), listedJob("y")];
    for (const descending of [true, false]) {
      expect(sortJobs(jobs, { column: "submitted", descending }, NOW).map(({ id }) => id)).toEqual(["y", "x"]);
    }
  });
});

describe("the selection", () => {
  const shown = ["a", "b", "c", "d", "e"];
  const is = (selection: Selection): string => shown.filter((id) => selection.has(id)).join("");

  it("extends from its anchor in both directions", () => {
    const selection = new Selection();
    selection.selectOnly("c");
    selection.extend(shown, "e");
    expect(is(selection)).toBe("cde");
    selection.extend(shown, "a");
    expect(is(selection)).toBe("abc");
    selection.toggle("b");
    expect(is(selection)).toBe("ac");
    selection.extend(shown, "d");
    expect(is(selection)).toBe("bcd");
  });

  it("starts at the cursor when empty", () => {
    const selection = new Selection();
    selection.extend(shown, "c", "b");
    expect(is(selection)).toBe("bc");
    selection.extend(shown, "d", "c");
    expect(is(selection)).toBe("bcd");
  });

  it("survives a hidden anchor", () => {
    const selection = new Selection();
    selection.selectOnly("gone");
    selection.extend(shown, "b", "a");
    expect(is(selection)).toBe("ab");
    selection.clear();
    expect(selection.size).toBe(0);
  });
});

const OFFERS = readActions(
  ["open", "compare", "abort", "clone", "download", "delete"].map((name) => ({
    name,
    label: name[0]?.toUpperCase() + name.slice(1),
  })),
);
const reasons = (jobs: typeof JOBS): Record<string, string> =>
  Object.fromEntries(availableActions(OFFERS, jobs).map(({ name, disabledReason }) => [name, disabledReason]));

describe("available actions", () => {
  const [waiting, running, failed] = JOBS as unknown as [(typeof JOBS)[0], (typeof JOBS)[0], (typeof JOBS)[0]];

  it("are disabled without a selection", () => {
    expect(new Set(Object.values(reasons([])))).toEqual(new Set(["select a job", "select two or more jobs"]));
  });

  it("depend on the job's status", () => {
    expect(reasons([running])).toEqual({
      open: "",
      compare: "select two or more jobs",
      abort: "",
      clone: "",
      download: "results are available once the job has ended",
      delete: "it is running, abort it first",
    });
    expect(reasons([failed])).toMatchObject({ abort: "it has ended", download: "", delete: "" });
    expect(reasons([waiting])).toMatchObject({ abort: "", delete: "" });
  });

  it("offer only a clone of a lost job", () => {
    const lost = readListedJob("lost", { status: "RUNNING", category: "lost", name: "x" });
    const reason = "no process runs it any more: clone it to run it again";
    expect(reasons([lost])).toMatchObject({ clone: "", abort: reason, download: reason, delete: reason });
    expect(availableActions(OFFERS, [lost, running]).find(({ name }) => name === "abort")?.jobs).toEqual([running]);
    expect(progressText(readListedJob("new", { category: "waiting", submitted_at: NOW - 9 }), NOW)).toBe("queued");
  });

  it("apply to matching jobs, which the question names", () => {
    const abort = availableActions(OFFERS, JOBS).find(({ name }) => name === "abort");
    expect(abort?.jobs.map(({ id }) => id)).toEqual(["aaa1", "bbb2"]);
    expect(abort?.question).toBe("Abort these 2 jobs: hello-numpy aaa1, cifar10 bbb2?");
    expect(abort?.confirmLabel).toBe("Abort 2 jobs");
  });

  it("name five jobs and count the rest", () => {
    const many = Array.from({ length: 12 }, (_, i) => listedJob(`j${i}`));
    expect(availableActions(OFFERS, many).find(({ name }) => name === "delete")?.question).toMatch(
      /j4 and 7 more\? This cannot be undone\.$/u,
    );
    expect(reasons(many)["compare"]).toBe("");
  });

  it("respect the policy", () => {
    const theirs = listedJob("x", { status: "RUNNING", submitter: "eve", denied_actions: ["abort"] });
    expect(reasons([theirs])["abort"]).toBe("your role may not abort a job of eve under FLARE's default policy");
    expect(availableActions(OFFERS, [theirs, running]).find(({ name }) => name === "abort")?.jobs).toEqual([running]);
  });
});

describe("a row", () => {
  it.each([
    [0, "waiting 40 s"],
    [1, "round 4/10, 59 min 50 s"],
    [2, "12 s"],
  ])("%d says %s", (index, words) => expect(progressText(JOBS[index] as (typeof JOBS)[0], NOW)).toBe(words));

  it.each([
    null,
    5,
    "x",
    [],
    { name: 5, status: {}, submitted_at: "now", progress: Number.NaN, denied_actions: "abort" },
  ])("can be read from %j", (value) => {
    const read = readListedJob("a", value);
    expect(read).toMatchObject({
      id: "a",
      name: "",
      status: "",
      statusText: "unknown",
      submittedAt: null,
      progress: "",
      deniedActions: [],
    });
  });

  it("sanitizes hostile text", () => {
    const read = readListedJob("a", { name: "x\u001b[31m\u202e<b>", status: "y".repeat(1000) });
    expect(read.name).toBe("x\uFFFD[31m\uFFFD<b>");
    expect(read.status.length).toBeLessThanOrEqual(200);
  });
});
