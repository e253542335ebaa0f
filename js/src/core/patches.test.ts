/** Patches of JSON values, and the traits of a model that they keep up to date. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import written from "../../fixtures/patches.json";
import { RemoteModel } from "../lab/model";
import { FakeModel } from "./fake-model";
import { applyPatch, followPatches } from "./patches";

interface Case {
  readonly before: unknown;
  readonly after: unknown;
  readonly patch: unknown;
}

describe("a patch", () => {
  it.each(Object.entries(written as unknown as Record<string, Case>))(
    "makes what Python has: %s",
    (_, { before, after, patch }) => {
      expect(patch === null ? before : applyPatch(before, patch)).toEqual(after);
    },
  );

  it("keeps what has not changed", () => {
    const before = { rows: [["a"], ["b"]], legend: { s: "done" } };
    const patch = { keys: { rows: { items: [[0, 1], { at: 1, patch: { items: [[0, 1], { add: [2] }] } }] } } };
    const after = applyPatch(before, patch) as typeof before;
    expect(after.rows[0]).toBe(before.rows[0]);
    expect(after.legend).toBe(before.legend);
    expect(before.rows[1]).toEqual(["b"]);
  });

  it("makes the same change in several places", () => {
    const after = applyPatch(["a", "b", "a"], { keys: { "0,2": { set: "c" } } });
    expect(after).toEqual(["c", "b", "c"]);
  });

  it.each([
    ["a shorter list", [1], { items: [[0, 2]] }],
    ["no such item", [], { items: [{ at: 0, patch: { set: 1 } }] }],
    ["no list", 3, { items: [[0, 1]] }],
    ["no such place", ["a"], { keys: { "1": { set: 1 } } }],
    ["one such place of two", ["a"], { keys: { "0,1": { set: 1 } } }],
    ["a shorter text", "abc", { text: [2, 4, ""] }],
    ["nonsense", {}, { what: 1 }],
  ])("that does not fit is refused: %s", (_, before, patch) => {
    expect(() => applyPatch(before, patch)).toThrow();
  });
});

describe("the traits of a model", () => {
  const count = (seq: number) => ({ seq, changes: { job: { keys: { round: { set: seq } } } } });
  const round = (model: FakeModel) => (model.get("job") as { round: number }).round;

  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function open(traits: Record<string, unknown> = {}) {
    const model = new FakeModel({ job: { name: "a", round: 4 }, revision: 4, patch: count(4), ...traits });
    return { model, stop: followPatches(model) };
  }

  it("follow the patches in order", () => {
    const { model } = open();
    const drawn = vi.fn();
    model.on("change:job", drawn);
    model.receive({ patch: count(5) });
    model.receive({ patch: count(6) });
    expect(model.get("job")).toEqual({ name: "a", round: 6 });
    expect(model.get("revision")).toBe(6);
    expect(drawn).toHaveBeenCalledTimes(2);
    expect(model.sent).toEqual([]);
  });

  it("follow in a tab of JupyterLab, and begin anew when the connection is back", () => {
    const post = vi.fn();
    const model = new RemoteModel("1", "job", post);
    model.receive({ job: { name: "a", round: 4 }, revision: 4, patch: count(4) });
    followPatches(model);
    model.receive({ patch: count(5) });
    expect(model.get("job")).toEqual({ name: "a", round: 5 });
    model.receive({ job: { name: "a", round: 9 }, revision: 9, patch: count(9) });
    model.receive({ patch: count(10) });
    expect(model.get("job")).toEqual({ name: "a", round: 10 });
    expect(post).not.toHaveBeenCalled();
  });

  it("take no patch twice", () => {
    const { model } = open();
    model.receive({ patch: { seq: 4, changes: { job: { keys: { round: { set: 99 } } } } } });
    expect(round(model)).toBe(4);
    expect(model.sent).toEqual([]);
  });

  it("include a patch that came before the view", () => {
    expect(round(open({ patch: count(5) }).model)).toBe(5);
  });

  it.each([
    ["after a gap", count(7)],
    ["for another value", { seq: 5, changes: { job: { items: [[0, 3]] } } }],
    ["that came before the view", undefined],
  ])("are asked for as a whole by a patch %s", (_, patch) => {
    const { model } = patch ? open() : open({ patch: count(9) });
    if (patch) model.receive({ patch });
    expect(model.sent).toEqual([{ kind: "resync", feed: "traits" }]);
    expect(round(model)).toBe(4);
    model.receive({ patch: count(10) });
    expect(model.sent.length).toBe(1);
    vi.advanceTimersByTime(2000);
    expect(model.sent.length).toBe(2);
    model.receive({ job: { name: "a", round: 10 }, revision: 10, patch: count(10) });
    vi.advanceTimersByTime(10_000);
    expect(model.sent.length).toBe(2);
    model.receive({ patch: count(11) });
    expect(round(model)).toBe(11);
  });

  it("are left alone by a view that is gone", () => {
    const { model, stop } = open();
    stop();
    model.receive({ patch: count(5) });
    expect(round(model)).toBe(4);
    expect(model.listening).toBe(0);
  });
});
