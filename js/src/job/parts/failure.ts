/** The failure card: cause and next step of a failed job, prominently styled. */

import { createCollapsible } from "../../core/collapsible";
import { h, setVisible, whenChanged } from "../../core/dom";
import type { FailureCard } from "../view-model";

export interface FailureCardPart {
  readonly element: HTMLElement;
  draw(fault: FailureCard | null, failed: boolean): void;
}

/** @param openSections the open state of each section by name */
export function createFailureCard(openSections: Map<string, boolean>): FailureCardPart {
  const element = h("section", { class: "flw-failure", "aria-label": "failure" });
  const draw = whenChanged(({ fault, failed }: { fault: FailureCard | null; failed: boolean }) => {
    setVisible(element, fault !== null);
    element.classList.toggle("flw-failure-loud", failed);
    element.replaceChildren(...(fault ? cardContent(fault, failed, openSections) : []));
  });
  return { element, draw: (fault, failed) => draw({ fault, failed }) };
}

function cardContent(fault: FailureCard, failed: boolean, openSections: Map<string, boolean>): HTMLElement[] {
  const parts: HTMLElement[] = [
    h("p", { class: "flw-failure-what" }, h("span", { "aria-hidden": "true" }, failed ? "✕ " : "! "), fault.summary),
  ];
  if (fault.location) parts.push(h("p", { class: "flw-failure-where" }, fault.location));
  if (fault.code) parts.push(h("pre", { class: "flw-code" }, fault.code));
  if (fault.nextStep) parts.push(h("p", { class: "flw-failure-next" }, h("strong", {}, "Next: "), fault.nextStep));
  parts.push(...fault.unavailable.map((sentence) => h("p", { class: "flw-failure-missing" }, sentence)));
  if (fault.logLines.length) parts.push(createLogLines(fault, openSections));
  return parts;
}

function createLogLines(fault: FailureCard, openSections: Map<string, boolean>): HTMLElement {
  const section = createCollapsible("last lines of the log", openSections, drawLines);
  section.setTitle(fault.logTitle);
  function drawLines(): void {
    section.body.replaceChildren(h("pre", { class: "flw-code", tabindex: "0" }, fault.logLines.join("\n")));
  }
  if (section.isOpen) drawLines();
  return section.element;
}
