/** The failure card: cause and next step of a failed job, prominently styled. */

import { createCollapsible } from "../../core/collapsible";
import { h, setVisible, whenChanged } from "../../core/dom";
import type { FailureCard } from "../view-model";

export interface FailureCardPart {
  readonly element: HTMLElement;
  draw(fault: FailureCard | null, failed: boolean, hasLog: boolean): void;
}

export interface FailureCardOptions {
  /** The open state of each section by name. */
  readonly openSections: Map<string, boolean>;
  /** Open the log of a participant at a line. */
  readonly showLog: (target: string, line: string) => void;
}

export function createFailureCard(options: FailureCardOptions): FailureCardPart {
  const element = h("section", { class: "flw-failure", "aria-label": "failure" });
  const draw = whenChanged(
    ({ fault, failed, hasLog }: { fault: FailureCard | null; failed: boolean; hasLog: boolean }) => {
      setVisible(element, fault !== null);
      element.classList.toggle("flw-failure-loud", failed);
      element.replaceChildren(...(fault ? cardContent(fault, failed, hasLog, options) : []));
    },
  );
  return { element, draw: (fault, failed, hasLog) => draw({ fault, failed, hasLog }) };
}

function cardContent(
  fault: FailureCard,
  failed: boolean,
  hasLog: boolean,
  { openSections, showLog }: FailureCardOptions,
): HTMLElement[] {
  const parts: HTMLElement[] = [
    h("p", { class: "flw-failure-what" }, h("span", { "aria-hidden": "true" }, failed ? "✕ " : "! "), fault.summary),
  ];
  if (fault.location) parts.push(h("p", { class: "flw-failure-where" }, fault.location));
  if (fault.code) parts.push(h("pre", { class: "flw-code" }, fault.code));
  if (fault.nextStep) parts.push(h("p", { class: "flw-failure-next" }, h("strong", {}, "Next: "), fault.nextStep));
  parts.push(...fault.unavailable.map((sentence) => h("p", { class: "flw-failure-missing" }, sentence)));
  if (fault.logLines.length) parts.push(createLogLines(fault, openSections));
  if (hasLog && fault.logTarget) {
    const open = h("button", { class: "flw-button", type: "button" }, `Show the log of ${fault.logTarget}`);
    open.addEventListener("click", () => showLog(fault.logTarget, fault.logLines.at(-1) ?? ""));
    parts.push(h("p", { class: "flw-failure-log" }, open));
  }
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
