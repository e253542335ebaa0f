/** The whole table against a model as anywidget gives it. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeModel, FakePlace } from "../core/fake-model";
import { NOW, withCategory } from "./fixtures";
import jobsWidget from "./index";

type Sent = Record<string, unknown>;

class TableModel extends FakeModel<Sent> {
  widget_manager: unknown;
}

const ACTIONS = ["open", "abort", "delete"].map((name) => ({ name, label: name, state: "ready", revision: 0 }));

const rowsOf = (count: number): [string, unknown][] =>
  Array.from({ length: count }, (_, i) => [
    `id-${i}`,
    withCategory({
      name: `job-${i}`,
      status: i ? "FINISHED:COMPLETED" : "RUNNING",
      submitted_at: NOW - i,
      submitter: "ann",
    }),
  ]);

/** The table with so many jobs, in a notebook or in another place. */
function open(count: number, traits: Record<string, unknown> = {}, place?: FakePlace) {
  vi.setSystemTime(NOW * 1000);
  const model = new TableModel({
    study: "default",
    updated_at: NOW,
    sent_at: NOW,
    connection_problem: "",
    seq: 0,
    nested: "",
    actions: ACTIONS,
    ...traits,
  });
  const widget = jobsWidget();
  const stop = widget.initialize({ model });
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el, ...(place ? { place } : {}) });
  const token = model.sent.find(({ kind }) => kind === "resync")?.["token"];
  if (count >= 0) {
    model.fire("msg:custom", {
      kind: "rows",
      feed: "rows",
      seq: 0,
      set: rowsOf(count),
      to: [token],
      part: 0,
      last: true,
    });
  }
  const find = (selector: string): HTMLElement => {
    const found = el.querySelector<HTMLElement>(selector);
    if (!found) throw new Error(`nothing matches ${selector}`);
    return found;
  };
  const patch = (seq: number, set: unknown[], removed: string[] = []): void =>
    model.fire("msg:custom", { kind: "rows", feed: "rows", seq, set, removed });
  const press = (key: string, more: KeyboardEventInit = {}): void => {
    find(".flw-list").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  };
  const names = (): (string | null)[] =>
    [...el.querySelectorAll(".flw-job-name")].map(({ textContent }) => textContent);
  const text = (selector: string): string => (find(selector).hidden ? "" : (find(selector).textContent ?? ""));
  const part = (index: number, set: unknown[], last: boolean, total: number): void =>
    model.fire("msg:custom", { kind: "rows", feed: "rows", seq: 0, set, to: [token], part: index, last, total });
  return { model, el, find, part, patch, press, names, text, close, stop };
}

/** Tell the views that they are in sight, or not. */
let sight: (isIntersecting: boolean) => void = () => {};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      constructor(callback: (entries: { isIntersecting: boolean }[]) => void) {
        sight = (isIntersecting) => callback([{ isIntersecting }]);
      }
      observe(): void {
        sight(true);
      }
      disconnect(): void {}
    },
  );
  for (const name of ["offsetHeight", "clientHeight"] as const) {
    vi.spyOn(HTMLElement.prototype, name, "get").mockReturnValue(392);
  }
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

describe("the table of jobs", () => {
  it("shows loading until the first answer", () => {
    const { text, model } = open(-1);
    expect(text(".flw-nothing")).toBe("Loading jobs…");
    expect(model.sent.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["resync", "clock", "visible"]));
  });

  it("explains the empty table", () => {
    expect(open(0).text(".flw-nothing")).toBe(
      "No jobs yet. Submit one with %flare submit FOLDER, or follow lesson 01.",
    );
  });

  it("renders few elements for many jobs", () => {
    const few = open(20).el.querySelectorAll("*").length;
    const { el, find, names } = open(10_000);
    expect(el.querySelectorAll("*").length).toBeLessThan(few + 20);
    expect(find(".flw-list").getAttribute("aria-rowcount")).toBe("10001");
    expect(names()).toContain("job-0");
    expect(names()).not.toContain("job-100");
  });

  it("draws after the first part, and says that it is loading until the last", () => {
    const { part, find, names, text } = open(-1);
    const rows = rowsOf(10_000);
    part(0, rows.slice(0, 200), false, 10_000);
    expect(names().slice(0, 2)).toEqual(["job-0", "job-1"]);
    expect(text(".flw-counts")).toBe("loading: 200 of 10,000 jobs");
    expect(find(".flw-list").getAttribute("aria-busy")).toBe("true");
    part(1, rows.slice(200, 5_000), false, 10_000); // too soon after the first one to be drawn
    expect(text(".flw-counts")).toBe("loading: 200 of 10,000 jobs");
    vi.advanceTimersByTime(1_100);
    part(2, rows.slice(5_000, 6_000), false, 10_000);
    expect(text(".flw-counts")).toBe("loading: 6,000 of 10,000 jobs");
    part(3, rows.slice(6_000), true, 10_000);
    expect(text(".flw-counts")).toBe("10000 jobs, 1 running");
    expect(find(".flw-list").getAttribute("aria-busy")).toBe("false");
  });

  it("says that filtered and sorted jobs are still loading", () => {
    const { part, find, text, el } = open(-1);
    const rows = rowsOf(1_000);
    part(0, rows.slice(0, 200), false, 1_000);
    const search = find(".flw-filter") as HTMLInputElement;
    const filter = (query: string): void => {
      search.value = query;
      search.dispatchEvent(new Event("input"));
    };
    filter("job-19");
    expect(text(".flw-counts")).toBe("loading: 200 of 1,000 jobs, 11 match so far");
    filter("job-999");
    expect(text(".flw-nothing")).toBe("No jobs match the filter so far.");
    find(".flw-col-name .flw-heading").click();
    expect(el.textContent).toContain("sorted by name, ascending; more jobs are still loading");
    part(1, rows.slice(200), true, 1_000);
    expect(text(".flw-counts")).toBe("1 of 1000 jobs, 1 running");
    expect(text(".flw-nothing")).toBe("");
  });

  it("says that it is loading when a long table comes as patches", () => {
    const { model, text, names } = open(0);
    const rows = rowsOf(500);
    const patch = (seq: number, set: unknown[]): void =>
      model.fire("msg:custom", { kind: "rows", feed: "rows", seq, set, removed: [], total: 500 });
    patch(1, rows.slice(0, 200));
    expect(names()).toContain("job-0");
    expect(text(".flw-counts")).toBe("loading: 200 of 500 jobs");
    patch(2, rows.slice(200));
    expect(text(".flw-counts")).toBe("500 jobs, 1 running");
  });

  it("applies patches", () => {
    const { patch, names, text } = open(3);
    patch(1, [["new", withCategory({ name: "newcomer", status: "SUBMITTED", submitted_at: NOW + 1 })]], ["id-1"]);
    expect(names().sort()).toEqual(["job-0", "job-2", "newcomer"]);
    expect(text(".flw-counts")).toBe("3 jobs, 1 running, 1 waiting");
  });

  it("sends the selected job ids with an action", () => {
    const { press, model, find } = open(5);
    press("ArrowDown");
    press("Shift+ArrowDown");
    press("ArrowDown", { shiftKey: true });
    find('button[data-action="delete"]').click();
    expect(find(".flw-action-confirm").textContent).toContain("job-1 id-1");
    [...find(".flw-action-confirm").querySelectorAll("button")]
      .find(({ textContent }) => textContent?.startsWith("delete"))
      ?.click();
    expect(model.sent.at(-1)).toEqual({ kind: "start", action: "delete", arguments: { jobs: ["id-1"] } });
  });

  it("asks the kernel for the results of an ended job", () => {
    const results = { name: "results", label: "Results", state: "ready", revision: 0 };
    const { press, model, find } = open(2, { actions: [...ACTIONS, results] });
    press("ArrowDown");
    press("ArrowDown");
    find('button[data-action="results"]').click();
    expect(model.sent.at(-1)).toEqual({ kind: "start", action: "results", arguments: { jobs: ["id-1"] } });
  });

  it("opens on Enter and nests the kernel's widget", async () => {
    const { press, model, find, text } = open(2);
    const child = document.createElement("em");
    const remove = vi.fn();
    model.widget_manager = { get_model: async (id: string) => id, create_view: async () => ({ el: child, remove }) };
    press("ArrowDown");
    press("Enter");
    expect(model.sent.at(-1)).toMatchObject({ action: "open", arguments: { jobs: ["id-0"] } });
    model.receive({ nested: "IPY_MODEL_abc" });
    await vi.waitFor(() => expect(find(".flw-child").contains(child)).toBe(true));
    find(".flw-shut").click();
    expect(model.sent.at(-1)).toEqual({ kind: "close" });
    model.receive({ nested: "" });
    expect(remove).toHaveBeenCalled();
    expect(text(".flw-below")).toBe("");
  });

  it("keeps the nested widget in sight as it grows, until the reader scrolls", async () => {
    let grow = (): void => {};
    const disconnect = vi.fn();
    vi.stubGlobal(
      "ResizeObserver",
      class {
        constructor(onResize: () => void) {
          grow = onResize;
        }
        observe(): void {}
        disconnect = disconnect;
      },
    );
    const { model, find } = open(2);
    const scroll = vi.fn();
    find(".flw-below").scrollIntoView = scroll;
    const child = document.createElement("em");
    model.widget_manager = {
      get_model: async (id: string) => id,
      create_view: async () => ({ el: child, remove() {} }),
    };
    disconnect.mockClear();
    model.receive({ nested: "IPY_MODEL_abc" });
    await vi.waitFor(() => expect(scroll).toHaveBeenCalledTimes(1));
    grow();
    expect(scroll).toHaveBeenCalledTimes(2);
    dispatchEvent(new Event("wheel"));
    expect(disconnect).toHaveBeenCalledTimes(1);
    vi.unstubAllGlobals();
  });

  it("shows no buttons until there is a job that they apply to", () => {
    const { press, find, text } = open(2);
    expect(find(".flw-tools").classList.contains("flw-idle")).toBe(true);
    expect(text(".flw-marked")).toContain("Select jobs to compare");
    press("ArrowDown");
    expect(find(".flw-tools").classList.contains("flw-idle")).toBe(false);
  });

  it("reports a host that cannot nest widgets", async () => {
    const { model, text } = open(2);
    model.receive({ nested: "IPY_MODEL_abc" });
    await vi.waitFor(() => expect(text(".flw-child-words")).toContain("Cannot be shown here"));
  });

  it("shows its age and freezes stale times", () => {
    const { model, text, el } = open(1);
    model.fire("msg:custom", {
      kind: "rows",
      feed: "rows",
      seq: 1,
      removed: [],
      set: [["id-0", withCategory({ name: "x", status: "RUNNING", started_at: NOW - 60, submitted_at: NOW - 70 })]],
    });
    const time = (): string => el.querySelector(".flw-row:not(.flw-header) .flw-col-time")?.textContent ?? "";
    expect(time()).toBe("1 min");
    vi.advanceTimersByTime(5000);
    expect(time()).toBe("1 min 5 s");
    expect(text(".flw-fresh")).toBe("updated 5 s ago");
    const problem = "no connection to server:8002, trying again (1)";
    model.receive({ connection_problem: problem, connection_label: "reconnecting (1)", sent_at: NOW + 5 });
    vi.advanceTimersByTime(3000);
    expect(time()).toBe("1 min");
    expect(text(".flw-banner")).toBe("!no connection to server:8002, trying again (1). Showing the list from 8 s ago");
    expect(text(".flw-pill")).toBe("!reconnecting (1)");
  });

  it("counts nothing but its own age while it is paused", () => {
    const { model, text, el } = open(1);
    const row = withCategory({ name: "x", status: "RUNNING", started_at: NOW - 60, submitted_at: NOW - 70 });
    model.fire("msg:custom", { kind: "rows", feed: "rows", seq: 1, removed: [], set: [["id-0", row]] });
    model.receive({ is_paused: true, sent_at: NOW });
    vi.advanceTimersByTime(4000);
    expect(el.querySelector(".flw-row:not(.flw-header) .flw-col-time")?.textContent).toBe("1 min");
    expect(text(".flw-fresh")).toBe("paused while out of sight, updated 4 s ago");
    expect(el.querySelector(".flw-fresh")?.className).not.toContain("flw-stale");
    expect(text(".flw-banner")).toBe("");
  });

  it("reports visibility to the kernel", () => {
    const { model, close } = open(1);
    const told = (): unknown[] => model.sent.filter(({ kind }) => kind === "visible").map(({ on }) => on);
    expect(told()).toEqual([true]);
    vi.advanceTimersByTime(41_000);
    expect(told()).toEqual([true, true, true]);
    sight(false);
    vi.advanceTimersByTime(60_000);
    expect(told().slice(3)).toEqual([false]);
    sight(true);
    close();
    expect(told().slice(4)).toEqual([true, false]);
  });

  it.each(["name", "status_text", "submitter", "study"])("shows a hostile %s as text", (field) => {
    const { model, el } = open(0);
    model.fire("msg:custom", {
      kind: "rows",
      feed: "rows",
      seq: 1,
      removed: [],
      set: [["x", { [field]: "<img src=x onerror=alert(1)>\u202e" }]],
    });
    expect(el.querySelector("img")).toBeNull();
    expect(el.textContent?.toLowerCase()).toContain("<img src=x onerror=alert(1)>");
    expect(el.textContent).not.toContain("\u202e");
  });

  it("stops its timers on close", () => {
    const { close, stop, model, el } = open(5);
    close();
    stop();
    expect(model.listening).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    expect(el.querySelector(".flw-jobs")).toBeNull();
  });
});

describe("the table in a tab of JupyterLab", () => {
  it("opens jobs and comparisons in tabs, not below", () => {
    const place = new FakePlace();
    const compare = { name: "compare", label: "compare", state: "ready", revision: 0 };
    const { model, press, find, text } = open(3, { actions: [...ACTIONS, compare] }, place);
    press("ArrowDown");
    press("Enter");
    press("a", { ctrlKey: true });
    find('button[data-action="compare"]').click();
    expect(place.opened).toEqual([
      { kind: "job", args: { job: "id-0" } },
      { kind: "compare", args: { jobs: ["id-0", "id-1", "id-2"] } },
    ]);
    expect(model.sent.filter(({ kind }) => kind === "start")).toEqual([]);
    expect(text(".flw-action-words")).not.toContain("…");
  });

  it("opens the results of an ended job in a tab", () => {
    const place = new FakePlace();
    const results = { name: "results", label: "Results", state: "ready", revision: 0 };
    const { model, press, find, text } = open(2, { actions: [...ACTIONS, results] }, place);
    const button = () => find('button[data-action="results"]');
    press("ArrowDown");
    button().click();
    expect(text(".flw-action-words")).toContain("results are available once the job has ended");
    expect(place.opened).toEqual([]);
    press("ArrowDown");
    button().click();
    expect(place.opened).toEqual([{ kind: "results", args: { job: "id-1" } }]);
    expect(model.sent.filter(({ kind }) => kind === "start")).toEqual([]);
  });

  it("offers to submit when there are no jobs", () => {
    const place = new FakePlace();
    const { el, text } = open(0, {}, place);
    expect(text(".flw-nothing")).toBe("No jobs yet.");
    [...el.querySelectorAll("button")].find(({ textContent }) => textContent === "Submit a job folder…")?.click();
    expect(place.opened).toEqual([{ kind: "submit", args: {} }]);
  });

  it("keeps filter and order when it is drawn anew", () => {
    const place = new FakePlace();
    const first = open(3, {}, place);
    const search = first.find(".flw-filter") as HTMLInputElement;
    search.value = "job-1";
    search.dispatchEvent(new Event("input"));
    first.find(".flw-col-name .flw-heading").click();
    first.close();
    first.stop();
    const again = open(3, {}, place);
    expect(again.names()).toEqual(["job-1"]);
    expect(again.find(".flw-header .flw-col-name").getAttribute("aria-sort")).toBe("ascending");
  });

  it("reports a lost server in words for a server", () => {
    const place = new FakePlace();
    const { text, model, close } = open(1, {}, place);
    place.disconnect();
    vi.advanceTimersByTime(3000);
    expect(text(".flw-banner")).toContain("Connection to the Jupyter server lost");
    place.peerState = "unknown";
    model.fire("change");
    expect(text(".flw-banner")).toBe("");
    close();
    expect(place.listening).toBe(0);
  });
});
