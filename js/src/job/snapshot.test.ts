import { expect, describe as group, it } from "vitest";
import { CASES, jobOf } from "./fixtures";
import { age, elapsed, readSnapshot } from "./snapshot";
import { statusCategory, steps } from "./timeline";

group.each(Object.entries(CASES))("%s", (_, { snapshot, tone, steps: expected }) => {
  const job = readSnapshot(snapshot);
  it("has the same category as in Python", () => expect(statusCategory(job)).toBe(tone));
  it("has the same steps as in Python", () =>
    expect(steps(job)).toEqual(
      expected.map(({ label, place, at, exact }) => ({ label, phase: place, at, isExact: exact })),
    ));
});

it("elapsed time grows while the job runs", () => {
  const job = jobOf("running");
  const first = elapsed(job, 1795442700);
  expect(elapsed(job, 1795442701)).toBe((first ?? 0) + 1);
  expect(elapsed(job, 0)).toBe(0);
});

it("run time falls back to the timeline", () => {
  expect(elapsed({ ...jobOf("completed"), duration: null }, 0)).toBeCloseTo(150.5, 3);
});

it("age is null before the first answer and never negative", () => {
  expect(age(jobOf("unheard"), 5)).toBeNull();
  expect(age(jobOf("running"), 0)).toBe(0);
});

it.each([null, undefined, 7, "x", [], { sites: 3, timeline: "x", name: {}, duration: "1", facts_at: "0" }])(
  "reads %j as an unknown job",
  (nonsense) => {
    const job = readSnapshot(nonsense);
    expect(statusCategory(job)).toBe("unknown");
    expect([job.name, job.sites, job.timeline, job.duration, job.updatedAt]).toEqual(["", [], [], null, null]);
  },
);

it("bounds the number of steps", () => {
  const timeline = Array.from({ length: 5000 }, (_, i) => ({ status: `S${i}`, at: i, exact: false }));
  const drawn = steps(readSnapshot({ status: "S4999", timeline }));
  expect(drawn.length).toBeLessThan(20);
  expect(drawn.find((step) => step.phase === "current")?.label).toBe("s4999");
});
