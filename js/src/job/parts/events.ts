/** The collapsible section with the events: warnings and errors of the job's log, oldest first. */
import { createCollapsible } from "../../core/collapsible";
import { h, screenReaderText, setVisible } from "../../core/dom";
import { formatExactTime, formatTime, toIsoTime } from "../../core/time";
import type { EventList, JobEvent } from "../events";

export interface EventsPart {
  readonly element: HTMLElement;
  /** Draw; drawing the same list again is free. */
  draw(events: EventList, now: number): void;
}

const GLYPHS: Readonly<Record<JobEvent["kind"], string>> = { workflow: "·", warning: "!", error: "✕" };

/** @param openSections the open state of each section by name */
export function createEvents(openSections: Map<string, boolean>): EventsPart {
  let latest: EventList | undefined;
  let at = 0;
  const section = createCollapsible("Events", openSections, drawRows);

  function drawRows(): void {
    if (!section.isOpen || !latest) return;
    const rows = latest.rows.map((event) => createRow(event, at));
    const list = h("ul", { class: "flw-events", role: "list", tabindex: "0", "aria-label": "events" }, ...rows);
    section.body.replaceChildren(...(latest.rest ? [h("p", { class: "flw-more" }, latest.rest)] : []), list);
    list.scrollTop = list.scrollHeight;
  }

  return {
    element: section.element,
    draw(next, now) {
      if (next === latest) return;
      latest = next;
      at = now;
      section.setTitle(next.title);
      setVisible(section.element, next.rows.length > 0);
      drawRows();
    },
  };
}

function createRow({ at, kind, text, site, count }: JobEvent, now: number): HTMLElement {
  return h(
    "li",
    { class: `flw-event flw-event-${kind}` },
    h("time", { datetime: toIsoTime(at), title: formatExactTime(at) }, formatTime(at, now)),
    h("span", { class: "flw-glyph", "aria-hidden": "true" }, GLYPHS[kind]),
    h(
      "span",
      { class: "flw-event-text" },
      screenReaderText(`${kind}: `),
      site ? `${site}: ${text}` : text,
      ...(count > 1 ? [" ", h("span", { class: "flw-count" }, `×${count}`)] : []),
    ),
  );
}
