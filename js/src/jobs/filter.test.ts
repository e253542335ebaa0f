import { describe, expect, it } from "vitest";
import { readFilter } from "./filter";
import { JOBS, listedJob, NOW } from "./fixtures";

const found = (query: string): string[] => JOBS.filter(readFilter(query, NOW).test).map(({ id }) => id[0] ?? "");

describe("readFilter", () => {
  it.each([
    ["", "abcde"],
    ["   ", "abcde"],
    ["running", "b"],
    ["RUNNING", "b"],
    ["waiting", "a"],
    ["ended", "cde"],
    ["completed", "e"],
    ["failed", "c"],
    ["aborted", "d"],
    ["status:failed", "c"],
    ["status:exception", "c"],
    ["name:hello", "ace"],
    ["name:HELLO", "ace"],
    ["by:admin", "abde"],
    ["by:lead ended", "c"],
    ["study:trial", "e"],
    ["rate=2", "d"],
    ["arguments:rate", "bd"],
    ["id:ddd", "d"],
    ["ddd", "d"],
    ["id:dd4", ""],
    ["cifar", "b"],
    ["lead@a", "c"],
    ['"brats 2"', "d"],
    ['name:"brats 2"', "d"],
    ["brats 2", "d"],
    ["-ended", "ab"],
    ["-name:hello", "bd"],
    ["after:today", "ab"],
    ["after:yesterday", "abc"],
    ["before:today", "cde"],
    ["after:2h", "ab"],
    ["after:30min", "a"],
    ["after:4d", "abcd"],
    ["before:1w", "e"],
    ["after:tuesday", "abc"],
    ["after:sun", "abcd"],
    ["after:2026-11-24", "abc"],
    ["after:2026-11-25t14:30", "a"],
    ["after:14:30", "a"],
    ["before:14:30", "bcde"],
    ["running name:cifar by:admin after:yesterday", "b"],
    ["nobody:knows", ""],
  ])("%s", (query, ids) => {
    expect(found(query).join("")).toBe(ids);
    expect(readFilter(query, NOW).problems).toEqual([]);
  });

  it.each(["after:soon", "before:2026-02-31", "after:25:00", "after:2026-13-01", "before:-3d"])(
    "rejects %s as a time and ignores it",
    (query) => {
      const filter = readFilter(`${query} running`, NOW);
      expect(filter.problems).toHaveLength(1);
      expect(filter.problems[0]).toMatch(/is not a valid time: use today, yesterday/u);
      expect(found(`${query} running`)).toEqual(["b"]);
    },
  );

  it("reports a missing word", () => {
    expect(readFilter("name:", NOW).problems).toEqual(["name: expected a word after the colon"]);
  });

  it("treats pattern characters literally", () => {
    expect(found("name:.*")).toEqual([]);
    expect([listedJob("x", { name: "a.*(b" })].filter(readFilter("name:.*(", NOW).test)).toHaveLength(1);
  });

  it("parses adversarial queries quickly", () => {
    const start = performance.now();
    readFilter(`${'"'.repeat(5000)} ${"-".repeat(5000)} ${"a:".repeat(5000)}`, NOW);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
