/** The collapsible section with the details. */

import { createCollapsible } from "../../core/collapsible";
import { h, setText, setVisible } from "../../core/dom";
import { textAt } from "../../core/live-text";
import { formatExactTime } from "../../core/time";
import type { Detail } from "../view-model";

export interface Details {
  readonly element: HTMLElement;
  draw(details: readonly Detail[], now: number): void;
}

/** @param openSections the open state of each section by name */
export function createDetails(openSections: Map<string, boolean>): Details {
  let latest: readonly Detail[] = [];
  let at = 0;
  let drawn = "";
  let values: HTMLElement[] = [];
  const section = createCollapsible("Details", openSections, () => {
    drawn = "";
    drawAll();
  });

  function drawAll(): void {
    if (!section.isOpen) return;
    const key = JSON.stringify(latest);
    if (key !== drawn) {
      drawn = key;
      values = latest.map((detail) =>
        h("dd", detail.updatedAt === null ? {} : { title: formatExactTime(detail.updatedAt) }),
      );
      section.body.replaceChildren(
        h(
          "dl",
          { class: "flw-details" },
          ...latest.flatMap((detail, i) => [h("dt", {}, detail.term), values[i] ?? ""]),
        ),
      );
    }
    latest.forEach((detail, i) => {
      const value = values[i];
      if (value) setText(value, textAt(detail.text, at));
    });
  }

  return {
    element: section.element,
    draw(next, now) {
      latest = next;
      at = now;
      setVisible(section.element, next.length > 0);
      drawAll();
    },
  };
}
