import { h, setText } from "./dom";

/**
 * What a screen reader is told without being asked. It gets the few events worth an interruption and never
 * the numbers that tick.
 */
export interface Announcer {
  readonly element: HTMLElement;
  say(words: string): void;
}

export function announcer(): Announcer {
  const element = h("div", { class: "flw-spoken", role: "status", "aria-live": "polite" });
  return { element, say: (words) => setText(element, words) };
}
