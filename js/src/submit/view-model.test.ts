import { expect, it } from "vitest";
import { destinationText, formatSize, readFolderContents, readJob, readSubmitted } from "./view-model";

it("reads invalid data as empty", () => {
  expect(readJob({})).toBeNull();
  expect(readJob({ path: 3 })).toBeNull();
  expect(readFolderContents("x")).toEqual({ path: "", crumbs: [], folders: [], hiddenCount: 0, problem: "" });
  expect(readSubmitted([null])).toEqual([{ jobId: "", name: "", at: 0 }]);
});

it("sanitizes foreign names", () => {
  const job = readJob({
    path: "/jobs/x\u202e",
    files: [{ name: "a\u001b[31m", size: "1" }],
    apps: [{ name: "app", sites: ["site\n1", 4] }],
    problems: [{ severity: "fatal", message: "x\u0000" }],
  });
  expect(job?.path).toBe("/jobs/x\uFFFD");
  expect(job?.files).toEqual([{ name: "a\uFFFD[31m", size: 0 }]);
  expect(job?.apps[0]?.sites).toEqual(["site\uFFFD1", ""]);
  expect(job?.problems).toEqual([{ severity: "warning", message: "x\uFFFD" }]);
});

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [1200, "1.2 kB"],
  [3_456_000, "3.5 MB"],
  [7.1e12, "7100.0 GB"],
])("%d bytes are %s", (count, words) => expect(formatSize(count)).toBe(words));

it("formats the targets of an app", () => {
  const app = (...sites: string[]) => ({ name: "app", sites, hasCustomCode: false });
  expect(destinationText(app("@all"))).toBe("server and all sites");
  expect(destinationText(app("server", "site-1"))).toBe("server, site-1");
  expect(destinationText(app(..."abcdefgh"))).toBe("a, b, c, d, e, f and 2 more");
});
