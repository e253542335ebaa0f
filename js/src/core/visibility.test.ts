import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { trackVisibility } from "./visibility";

let seen: (visible: boolean) => void;
let shown: DocumentVisibilityState;

beforeEach(() => {
  vi.useFakeTimers();
  shown = "visible";
  vi.spyOn(document, "visibilityState", "get").mockImplementation(() => shown);
  vi.stubGlobal(
    "IntersectionObserver",
    class {
      constructor(callback: (entries: { isIntersecting: boolean }[]) => void) {
        seen = (isIntersecting) => callback([{ isIntersecting }]);
      }
      observe(): void {}
      disconnect(): void {}
    },
  );
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function turn(state: DocumentVisibilityState): void {
  shown = state;
  document.dispatchEvent(new Event("visibilitychange"));
}

it("reports changes of visibility only", () => {
  const heard: boolean[] = [];
  trackVisibility(document.createElement("div"), (on) => heard.push(on));
  seen(false);
  expect(heard).toEqual([]);
  seen(true);
  seen(true);
  turn("hidden");
  turn("visible");
  seen(false);
  expect(heard).toEqual([true, false, true, false]);
});

it("repeats the report while visible", () => {
  const heard: boolean[] = [];
  trackVisibility(document.createElement("div"), (on) => heard.push(on));
  vi.advanceTimersByTime(60_000);
  expect(heard).toEqual([]);
  seen(true);
  vi.advanceTimersByTime(41_000);
  expect(heard).toEqual([true, true, true]);
});

it("reports the removal, then nothing", () => {
  const heard: boolean[] = [];
  const end = trackVisibility(document.createElement("div"), (on) => heard.push(on));
  seen(true);
  end();
  vi.advanceTimersByTime(60_000);
  turn("hidden");
  turn("visible");
  expect(heard).toEqual([true, false]);
});
