import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RowSync } from "./row-sync";

interface Asked {
  readonly kind: string;
  readonly feed: string;
  readonly token: string;
}

/** A feed, and a kernel's half that the test plays. */
function open() {
  const asked: Asked[] = [];
  const feed = new RowSync<string>({ parseRow: (_, value) => String(value), send: (message) => asked.push(message) });
  const told = vi.fn();
  feed.subscribe(told);
  const token = (): string => asked.at(-1)?.token ?? "";
  const patch = (seq: number, set: unknown[], removed: unknown[] = [], total?: number) =>
    feed.handleMessage({ kind: "rows", feed: "rows", seq, set, removed, total });
  const part = (seq: number, set: unknown[], index = 0, parts = 1, to: unknown[] = [token()], total?: number) =>
    feed.handleMessage({ kind: "rows", feed: "rows", seq, set, to, part: index, last: index === parts - 1, total });
  return { feed, asked, told, token, patch, part, table: () => Object.fromEntries(feed.rows) };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("RowSync", () => {
  it("requests and receives the whole table once", () => {
    const { feed, asked, part, table, told } = open();
    feed.start();
    feed.start();
    expect(asked).toHaveLength(1);
    expect(feed.isKnown).toBe(false);
    part(7, [
      ["a", 1],
      ["b", 2],
    ]);
    expect(table()).toEqual({ a: "1", b: "2" });
    expect(feed.isKnown).toBe(true);
    expect(told).toHaveBeenCalledTimes(1);
  });

  it("applies patches in order", () => {
    const { feed, part, patch, table, asked } = open();
    feed.start();
    part(0, []);
    patch(1, [["a", 1]]);
    patch(2, [["b", 2]], ["a"]);
    patch(2, [["c", 3]]); // seen already
    expect(table()).toEqual({ b: "2" });
    expect(asked).toHaveLength(1);
  });

  it("keeps the order of rows, even for numeric keys", () => {
    const { feed, part } = open();
    feed.start();
    part(0, [
      ["10", 1],
      ["9", 2],
      ["__proto__", 3],
    ]);
    expect([...feed.rows.keys()]).toEqual(["10", "9", "__proto__"]);
  });

  it("requests the table again when a patch is missing", () => {
    const { feed, part, patch, table, asked } = open();
    feed.start();
    part(4, [["a", 1]]);
    patch(6, [["b", 2]]);
    expect(asked).toHaveLength(2);
    expect(table()).toEqual({ a: "1" });
    part(6, [
      ["x", 9],
      ["b", 2],
    ]);
    expect(table()).toEqual({ x: "9", b: "2" });
    patch(7, [], ["x"]);
    expect(table()).toEqual({ b: "2" });
  });

  it("applies patches received during the transfer", () => {
    const { feed, part, patch, table } = open();
    feed.start();
    patch(2, [["old", 0]]);
    part(3, [["a", 1]], 0, 2);
    patch(4, [["c", 3]]);
    part(3, [["b", 2]], 1, 2);
    expect(table()).toEqual({ a: "1", b: "2", c: "3" });
  });

  it("shows the first table, but no later one, in parts", () => {
    const { feed, part, patch, table, told } = open();
    feed.start();
    part(3, [["a", 1]], 0, 2);
    expect(feed.isKnown).toBe(true);
    expect(table()).toEqual({ a: "1" });
    part(3, [["b", 2]], 1, 2);
    expect(told).toHaveBeenCalledTimes(2);
    patch(5, []);
    part(5, [["c", 3]], 0, 2);
    expect(table()).toEqual({ a: "1", b: "2" });
    part(5, [], 1, 2);
    expect(table()).toEqual({ c: "3" });
  });

  it("counts the rows that are still under way", () => {
    const { feed, part, patch, token } = open();
    feed.start();
    expect(feed.missing).toBe(0);
    part(3, [["a", 1]], 0, 2, [token()], 3);
    expect(feed.missing).toBe(2);
    part(
      3,
      [
        ["b", 2],
        ["c", 3],
      ],
      1,
      2,
      [token()],
      3,
    );
    expect(feed.missing).toBe(0);
    patch(4, [["d", 4]], ["a"], 5);
    expect(feed.missing).toBe(2);
    patch(
      5,
      [
        ["e", 5],
        ["f", 6],
      ],
      [],
      5,
    );
    expect(feed.missing).toBe(0);
  });

  it("keeps the whole old table until a later one is whole", () => {
    const { feed, part, patch, token } = open();
    feed.start();
    part(3, [["a", 1]], 0, 1, [token()], 1);
    patch(5, []);
    part(5, [["b", 2]], 0, 2, [token()], 9);
    expect([feed.rows.size, feed.missing]).toEqual([1, 0]);
  });

  it("requests the table again when a part is missing", () => {
    const { feed, part, asked, table } = open();
    feed.start();
    part(3, [["a", 1]], 0, 3);
    part(3, [["c", 3]], 2, 3);
    expect(asked).toHaveLength(2);
    expect(asked[0]?.token).not.toBe(asked[1]?.token);
    expect(table()).toEqual({ a: "1" });
  });

  it("ignores a table that another browser requested", () => {
    const { feed, part, table } = open();
    feed.start();
    part(1, [["a", 1]]);
    part(1, [["b", 2]], 0, 1, ["another"]);
    expect(table()).toEqual({ a: "1" });
  });

  it("backs off while nobody answers", () => {
    const { feed, asked } = open();
    feed.start();
    vi.advanceTimersByTime(60_000);
    expect(asked).toHaveLength(6); // after 2, 4, 8, 16 and 30 s
    expect(new Set(asked.map(({ token }) => token)).size).toBe(1);
    feed.dispose();
    vi.advanceTimersByTime(600_000);
    expect(asked).toHaveLength(6);
  });

  it("notices a lost last patch", () => {
    const { feed, part, asked, patch } = open();
    feed.start();
    part(1, []);
    feed.expect(2);
    patch(2, []);
    vi.advanceTimersByTime(5_000);
    expect(asked).toHaveLength(1);
    feed.expect(3);
    vi.advanceTimersByTime(3_000);
    expect(asked).toHaveLength(2);
  });

  it.each([null, 5, {}, { kind: "rows" }, { kind: "rows", feed: "other", seq: 1 }, { kind: "clock", seq: 1 }])(
    "leaves %j to others",
    (message) => {
      const { feed } = open();
      expect(feed.handleMessage(message)).toBe(false);
    },
  );

  it("ignores invalid messages", () => {
    const { feed, part, patch, table } = open();
    feed.start();
    part(0, [["a", 1], null, [3, 4], "x"] as unknown[]);
    patch(1, "rows" as unknown as unknown[], [5, "a"]);
    expect(table()).toEqual({});
  });
});
