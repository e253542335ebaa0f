import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Model, RenderContext } from "./anywidget-model";
import { onThemeChange, pageScheme, themed } from "./theme";

const MODEL: Model = { get: () => undefined, set: () => {}, on: () => {}, off: () => {}, send: () => {} };
let isSystemDark = false;

beforeEach(() => {
  isSystemDark = false;
  vi.stubGlobal("matchMedia", () => ({
    matches: isSystemDark,
    addEventListener: () => {},
    removeEventListener: () => {},
  }));
});

afterEach(() => {
  vi.unstubAllGlobals();
  for (const element of [document.documentElement, document.body]) {
    for (const name of [...element.getAttributeNames()]) element.removeAttribute(name);
  }
});

const declare = (element: HTMLElement, name: string, value: string): void => element.setAttribute(name, value);

test.each([
  ["body", "data-jp-theme-light", "false", "dark"],
  ["body", "data-jp-theme-light", "true", "light"],
  ["body", "data-vscode-theme-kind", "vscode-dark", "dark"],
  ["body", "data-vscode-theme-kind", "vscode-high-contrast", "dark"],
  ["body", "data-vscode-theme-kind", "vscode-high-contrast-light", "light"],
  ["body", "data-theme", "dark", "dark"],
  ["body", "data-theme", "light", "light"],
  ["html", "theme", "dark", "dark"],
  ["html", "theme", "light", "light"],
] as const)("scheme of %s[%s=%s] is %s, whatever the system's", (element, name, value, scheme) => {
  declare(element === "body" ? document.body : document.documentElement, name, value);
  for (const dark of [true, false]) {
    isSystemDark = dark;
    expect(pageScheme()).toBe(scheme);
  }
});

test("scheme is the system's where none is declared", () => {
  expect(pageScheme()).toBe("light");
  isSystemDark = true;
  expect(pageScheme()).toBe("dark");
  declare(document.documentElement, "data-theme", "corporate");
  expect(pageScheme()).toBe("dark");
});

test("change of a declaration is reported until stopped", async () => {
  const listener = vi.fn();
  const stop = onThemeChange(listener);
  declare(document.body, "data-vscode-theme-kind", "vscode-dark");
  await vi.waitFor(() => expect(listener).toHaveBeenCalled());
  stop();
  listener.mockClear();
  declare(document.body, "data-vscode-theme-kind", "vscode-light");
  await new Promise((resolve) => setTimeout(resolve));
  expect(listener).not.toHaveBeenCalled();
});

test("container in a shadow root repeats the scheme, any other does not", async () => {
  const host = document.createElement("div");
  document.body.append(host);
  const inside = document.createElement("div");
  host.attachShadow({ mode: "open" }).append(inside);
  const outside = document.createElement("div");
  document.body.append(outside);
  const dispose = vi.fn();
  const widget = themed({ render: (_: RenderContext) => dispose });
  declare(document.body, "data-theme", "dark");
  const stop = widget.render({ model: MODEL, el: inside });
  widget.render({ model: MODEL, el: outside });
  expect(inside.dataset["theme"]).toBe("dark");
  expect(outside.dataset["theme"]).toBeUndefined();
  declare(document.body, "data-theme", "light");
  await vi.waitFor(() => expect(inside.dataset["theme"]).toBe("light"));
  stop();
  expect(dispose).toHaveBeenCalledOnce();
  host.remove();
  outside.remove();
});
