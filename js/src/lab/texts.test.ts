/** What the status bar, notifications and inserted cells say. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { h } from "../core/dom";
import { enableDragging, withoutKnownLines } from "./cell";
import type { Link, LinkNotification } from "./link";
import { combine, showNotifications, type Wanted } from "./notifications";
import { readFacts } from "./sidebar/view-model";
import { statusText } from "./status";
import { dragged, emitted } from "./stub-jupyter";
import { readTabArgs, tabKey } from "./tab-content";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  emitted.length = 0;
});

const facts = (more: Record<string, unknown> = {}) =>
  readFacts(
    new Map(
      Object.entries({
        sessions: [{ name: "ada", state: "ready", current: true }],
        jobs: { total: 3, rows: [{ status: "running" }, { status: "running" }, { status: "waiting" }] },
        ...more,
      }),
    ),
  );

it("the status bar counts jobs, and shows trouble", () => {
  expect(statusText(facts(), false)).toMatchObject({ text: "FLARE ● 2 ○ 1", isTroubled: false });
  expect(statusText(facts(), false).title).toContain("2 jobs running, 1 waiting");
  expect(statusText(facts(), true)).toMatchObject({ text: "FLARE ! ● 2 ○ 1", isTroubled: true });
  const trouble = { trouble: { words: "No connection to server:8002." } };
  expect(statusText(facts(trouble), false).title).toContain("No connection to server:8002.");
  expect(statusText(facts({ sessions: [] }), false).text).toBe("");
});

const ended = (name: string, tone: LinkNotification["tone"]): LinkNotification => ({
  id: name,
  words: `${name} ${tone === "failed" ? "failed: no memory at site-1." : "completed."}`,
  tone,
  open: { kind: "job", args: { session: "ada", job: name } },
});

it("one notification stands for a burst", () => {
  expect(combine([])).toBeUndefined();
  expect(combine([ended("a", "done")])).toMatchObject({ words: "a completed.", open: { kind: "job" } });
  expect(combine([ended("a", "done"), ended("b", "failed"), ended("c", "failed")])).toEqual({
    words: "3 jobs ended, 2 of them failed. b failed: no memory at site-1 and 1 more failed.",
    tone: "failed",
    open: { kind: "jobs", args: { session: "ada" } },
  });
});

it.each([
  ["never", []],
  ["failed", ["b failed: no memory at site-1."]],
  ["always", ["2 jobs ended, 1 of them failed. b failed: no memory at site-1."]],
] as const)("notifications are shown %s", (wanted: Wanted, shown) => {
  let tell = (_: LinkNotification): void => {};
  const link = {
    onNotification(listener: typeof tell) {
      tell = listener;
      return () => {};
    },
  } as unknown as Link;
  const opened = vi.fn();
  const stop = showNotifications(link, () => wanted, opened);
  tell(ended("a", "done"));
  tell(ended("b", "failed"));
  vi.runAllTimers();
  expect(emitted.map(({ message }) => message)).toEqual(shown);
  emitted[0]?.actions[0]?.callback();
  expect(opened).toHaveBeenCalledTimes(shown.length);
  stop();
  expect(vi.getTimerCount()).toBe(0);
});

it("an inserted cell loads the extension only once", () => {
  const source = "%load_ext flare_widgets\n%flare connect ada";
  expect(withoutKnownLines(source, ["import numpy"])).toBe(source);
  expect(withoutKnownLines(source, ["x = 1\n%load_ext flare_widgets  "])).toBe("%flare connect ada");
});

it("a dragged session is a cell that connects", async () => {
  const source = "%load_ext flare_widgets\n%flare connect ada";
  const ask = vi.fn(async () => ({ source }));
  const root = h("div", {}, h("button", { "data-session": "ada" }, "ada"), h("p", {}, "something else"));
  document.body.append(root);
  enableDragging(root, { ask } as unknown as Link);
  const move = async (from: Element | null, distance: number): Promise<void> => {
    from?.dispatchEvent(new MouseEvent("mousedown", { bubbles: true, button: 0, clientX: 10, clientY: 10 }));
    await vi.advanceTimersByTimeAsync(0);
    document.body.dispatchEvent(new MouseEvent("mousemove", { bubbles: true, clientX: 10 + distance, clientY: 10 }));
    document.body.dispatchEvent(new MouseEvent("mouseup", { bubbles: true }));
  };
  await move(root.lastElementChild, 50);
  await move(root.firstElementChild, 2); // a click
  expect(dragged).toEqual([]);
  await move(root.firstElementChild, 50);
  expect(dragged.map(({ data }) => data.get("text/plain"))).toEqual([source]);
  expect(dragged[0]?.data.get("application/vnd.jupyter.cells")).toMatchObject([{ cell_type: "code", source }]);
  expect(ask).toHaveBeenCalledWith("connect_cell", { session: "ada", path: null });
  root.remove();
});

it("a tab has one key for what it shows, and no view for junk", () => {
  expect(readTabArgs({ kind: "job", session: "ada", job: "a1", x: 1 })).toEqual({
    kind: "job",
    session: "ada",
    job: "a1",
  });
  expect(readTabArgs({ kind: "results", session: "ada", job: "a1" })).toMatchObject({ kind: "results", job: "a1" });
  for (const junk of [null, {}, { kind: "?" }, { kind: "job" }, { kind: "results" }, { kind: "compare", jobs: ["a"] }])
    expect(readTabArgs(junk)).toBeUndefined();
  const key = (args: object): string => tabKey(readTabArgs(args) ?? { kind: "jobs", session: "" });
  expect(key({ kind: "job", job: "a", name: "x" })).toBe(key({ kind: "job", job: "a", name: "y" }));
  expect(key({ kind: "job", job: "a" })).not.toBe(key({ kind: "job", job: "b" }));
});
