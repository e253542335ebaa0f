import { describe, expect, it } from "vitest";
import { KernelClock } from "./clock";

/** A browser's clock that the test sets. */
function browser(start = 10_000): { now: number; clock: KernelClock } {
  const world = { now: start, clock: undefined as unknown as KernelClock };
  world.clock = new KernelClock(() => world.now);
  return world;
}

describe("KernelClock", () => {
  it("assumes equal clocks at first", () => {
    expect(browser().clock.now()).toBe(10_000);
  });

  it.each([3600, -3600])("detects a difference of %d s", (skew) => {
    const world = browser();
    world.clock.addSample(10_000 + skew - 0.05);
    expect(world.clock.now()).toBeCloseTo(10_000 + skew, 0);
    world.now += 60;
    expect(world.clock.now()).toBeCloseTo(10_060 + skew, 0);
  });

  it("uses the fastest message", () => {
    const world = browser();
    world.clock.addSample(9_999.99);
    world.clock.addSample(9_992);
    expect(world.clock.now()).toBeCloseTo(9_999.99, 5);
  });

  it("forgets old samples after a clock change", () => {
    const world = browser();
    world.clock.addSample(10_000);
    world.now += 60; // somebody sets the browser's clock forward
    for (let i = 0; i < KernelClock.MAX_SAMPLES; i++) world.clock.addSample(10_000);
    expect(world.clock.now()).toBeCloseTo(10_000, 5);
  });

  it("does not mistake an old time for a slow clock", () => {
    const world = browser();
    world.clock.setLowerBound(6_400); // a view opened an hour after the last message
    expect(world.clock.now()).toBe(10_000);
  });

  it("detects a fast kernel clock from an old time", () => {
    const world = browser();
    world.clock.setLowerBound(10_500);
    expect(world.clock.now()).toBe(10_500);
  });

  it("prefers the kernel's answer", () => {
    const world = browser();
    world.clock.setLowerBound(10_500);
    world.clock.addSample(10_700);
    expect(world.clock.now()).toBe(10_700);
  });

  it.each([undefined, null, "now", Number.NaN, 0, -1])("ignores %s", (nonsense) => {
    const world = browser();
    world.clock.setLowerBound(nonsense);
    world.clock.addSample(nonsense);
    expect(world.clock.now()).toBe(10_000);
  });
});
