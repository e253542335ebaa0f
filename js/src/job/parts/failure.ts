/** Why the job failed, and what to do next: the one part of the view that is loud. */
import { h, show, whenChanged } from "../../core/dom";
import { fold } from "../../core/collapsible";
import type { Fault } from "../view-model";

export interface FaultCard {
  readonly element: HTMLElement;
  draw(fault: Fault | null, failed: boolean): void;
}

/** @param memory which sections are unfolded, by their names */
export function faultCard(memory: Map<string, boolean>): FaultCard {
  const element = h("section", { class: "flw-fault", "aria-label": "what went wrong" });
  const draw = whenChanged(({ fault, failed }: { fault: Fault | null; failed: boolean }) => {
    show(element, fault !== null);
    element.classList.toggle("flw-fault-loud", failed);
    element.replaceChildren(...(fault ? content(fault, failed, memory) : []));
  });
  return { element, draw: (fault, failed) => draw({ fault, failed }) };
}

function content(fault: Fault, failed: boolean, memory: Map<string, boolean>): HTMLElement[] {
  const parts: HTMLElement[] = [
    h("p", { class: "flw-fault-what" }, h("span", { "aria-hidden": "true" }, failed ? "✕ " : "! "), fault.sentence),
  ];
  if (fault.place) parts.push(h("p", { class: "flw-fault-where" }, fault.place));
  if (fault.code) parts.push(h("pre", { class: "flw-code" }, fault.code));
  if (fault.nextStep) parts.push(h("p", { class: "flw-fault-next" }, h("strong", {}, "Next: "), fault.nextStep));
  parts.push(...fault.missing.map((sentence) => h("p", { class: "flw-fault-missing" }, sentence)));
  if (fault.log.length) parts.push(logLines(fault, memory));
  return parts;
}

function logLines(fault: Fault, memory: Map<string, boolean>): HTMLElement {
  const section = fold("last lines of the log", memory, drawLines);
  section.title(fault.logTitle);
  function drawLines(): void {
    section.body.replaceChildren(h("pre", { class: "flw-code", tabindex: "0" }, fault.log.join("\n")));
  }
  if (section.open) drawLines();
  return section.element;
}
