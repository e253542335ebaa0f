import { h, setText, setVisible, whenChanged } from "./dom";

/** Put text on the clipboard; false when the browser refuses. */
export async function copyText(text: string): Promise<boolean> {
  try {
    // Undefined when the page was served over plain http from another machine, as by many a JupyterHub.
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // Not permitted; the legacy way below may be.
  }
  const area = h("textarea", { class: "flw-spoken" });
  area.value = text;
  document.body.append(area);
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  } finally {
    area.remove();
  }
}

export interface CopyButton {
  readonly element: HTMLElement;
  /** Show `short`; a click copies `full`. */
  draw(short: string, full: string, what: string): void;
  dispose(): void;
}

/** Create a button that shows a short text, copies its long form, and reports the outcome. */
export function createCopyButton(announce: (message: string) => void): CopyButton {
  // The style sheet draws the copy icon, which few fonts have. After a click the outcome replaces it.
  const glyph = h("span", { class: "flw-copy-glyph", "aria-hidden": "true" });
  const label = h("span", { class: "flw-copy-text" });
  const element = h("button", { class: "flw-copy", type: "button" }, glyph, label);
  let full = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  let disposed = false;
  element.addEventListener("click", async () => {
    const copied = await copyText(full);
    if (disposed) return;
    setText(glyph, copied ? "✓" : "✕");
    announce(copied ? "copied" : "the browser does not let this page copy");
    clearTimeout(timer);
    timer = setTimeout(() => setText(glyph, ""), 1500);
  });
  const draw = whenChanged(({ short, text, what }: { short: string; text: string; what: string }) => {
    full = text;
    setText(label, short);
    setVisible(element, text !== "");
    element.title = `${what} ${text}: click to copy`;
    element.setAttribute("aria-label", `copy ${what} ${text}`);
  });
  return {
    element,
    draw: (short, text, what) => draw({ short, text, what }),
    dispose() {
      disposed = true;
      clearTimeout(timer);
    },
  };
}
