import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createCopyButton } from "./copy";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function button() {
  const heard: string[] = [];
  const copy = createCopyButton((words) => heard.push(words));
  copy.draw("76b8d043", "76b8d043-5f0e", "job id");
  document.body.append(copy.element);
  return { copy, heard };
}

it("shows the short text and copies the full one", async () => {
  const writeText = vi.fn(async () => {});
  vi.stubGlobal("navigator", { clipboard: { writeText } });
  const { copy, heard } = button();
  expect(copy.element.textContent).toBe("76b8d043");
  copy.element.click();
  await vi.advanceTimersByTimeAsync(0);
  expect(writeText).toHaveBeenCalledExactlyOnceWith("76b8d043-5f0e");
  expect(copy.element.textContent).toBe("✓76b8d043");
  expect(heard).toEqual(["copied"]);
  await vi.advanceTimersByTimeAsync(2000);
  expect(copy.element.textContent).toBe("76b8d043");
});

it("falls back where the clipboard is not allowed", async () => {
  vi.stubGlobal("navigator", {});
  let copied = "";
  const elements = document.querySelectorAll("*").length;
  document.execCommand = () => {
    copied = document.querySelector("textarea")?.value ?? "";
    return true;
  };
  const { copy, heard } = button();
  copy.element.click();
  await vi.advanceTimersByTimeAsync(0);
  expect(copied).toBe("76b8d043-5f0e");
  expect(heard).toEqual(["copied"]);
  copy.element.remove();
  expect(document.querySelectorAll("*")).toHaveLength(elements);
});

it("reports a failed copy", async () => {
  vi.stubGlobal("navigator", { clipboard: { writeText: () => Promise.reject(new Error("denied")) } });
  document.execCommand = () => false;
  const { copy, heard } = button();
  copy.element.click();
  await vi.advanceTimersByTimeAsync(0);
  expect(copy.element.textContent).toBe("✕76b8d043");
  expect(heard).toEqual(["the browser does not let this page copy"]);
});
