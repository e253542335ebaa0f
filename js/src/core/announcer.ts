import { h, setText } from "./dom";

/**
 * What a screen reader is told without being asked. It gets the few events worth an interruption and never
 * the numbers that tick.
 */
export interface Announcer {
  readonly element: HTMLElement;
  announce(message: string): void;
}

export function createAnnouncer(): Announcer {
  const element = h("div", { class: "flw-spoken", role: "status", "aria-live": "polite" });
  return { element, announce: (words) => setText(element, words) };
}
