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

it("tells when the view comes into sight and leaves it, and nothing else", () => {
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

it("assures that somebody looks while somebody does", () => {
  const heard: boolean[] = [];
  trackVisibility(document.createElement("div"), (on) => heard.push(on));
  vi.advanceTimersByTime(60_000);
  expect(heard).toEqual([]);
  seen(true);
  vi.advanceTimersByTime(41_000);
  expect(heard).toEqual([true, true, true]);
});

it("takes its leave when the view is removed, and is silent then", () => {
  const heard: boolean[] = [];
  const end = trackVisibility(document.createElement("div"), (on) => heard.push(on));
  seen(true);
  end();
  vi.advanceTimersByTime(60_000);
  turn("hidden");
  turn("visible");
  expect(heard).toEqual([true, false]);
});
