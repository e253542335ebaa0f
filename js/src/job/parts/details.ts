/** The rest of what is known, for who unfolds it. */
import { h, setText, show } from "../../core/dom";
import { fold } from "../../core/collapsible";
import { ago } from "../../core/text";
import { exactMoment } from "../../core/time";
import type { Detail } from "../view-model";

export interface Details {
  readonly element: HTMLElement;
  draw(details: readonly Detail[], now: number): void;
}

/** @param memory which sections are unfolded, by their names */
export function details(memory: Map<string, boolean>): Details {
  let latest: readonly Detail[] = [];
  let at = 0;
  let drawn = "";
  let values: HTMLElement[] = [];
  const section = fold("Details", memory, () => {
    drawn = "";
    drawAll();
  });

  function drawAll(): void {
    if (!section.open) return;
    const key = JSON.stringify(latest);
    if (key !== drawn) {
      drawn = key;
      values = latest.map((detail) => h("dd", detail.at === null ? {} : { title: exactMoment(detail.at) }));
      section.body.replaceChildren(
        h("dl", { class: "flw-details" }, ...latest.flatMap((detail, i) => [h("dt", {}, detail.term), values[i] ?? ""])),
      );
    }
    latest.forEach((detail, i) => {
      const value = values[i];
      if (value) setText(value, words(detail, at));
    });
  }

  return {
    element: section.element,
    draw(next, now) {
      latest = next;
      at = now;
      show(section.element, next.length > 0);
      drawAll();
    },
  };
}

function words({ words, at }: Detail, now: number): string {
  if (at === null) return words;
  return `${words}, as of ${ago(Math.max(0, now - at))}`;
}
