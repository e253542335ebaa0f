/** The evaluation of the models and the statistics of the features: a collapsible section each. */
import { type Collapsible, createCollapsible } from "../../core/collapsible";
import { h, screenReaderText } from "../../core/dom";
import type { TableSection, ValueRow, ValueTable } from "../tables";

export interface Tables {
  readonly element: HTMLElement;
  /** Draw; drawing the same list again is free. */
  draw(sections: readonly TableSection[]): void;
}

/** @param openSections the open state of each section by name */
export function createTables(openSections: Map<string, boolean>): Tables {
  const element = h("div", { class: "flw-results" });
  let drawn: readonly TableSection[] = [];
  return {
    element,
    draw(sections) {
      if (sections === drawn) return;
      drawn = sections;
      element.replaceChildren(...sections.map((section) => createSection(section, openSections).element));
    },
  };
}

function createSection({ title, tables }: TableSection, openSections: Map<string, boolean>): Collapsible {
  if (!openSections.has(title)) openSections.set(title, true);
  const section = createCollapsible(title, openSections, drawTables);
  function drawTables(): void {
    section.body.replaceChildren(h("div", { class: "flw-tables", tabindex: "0" }, ...tables.flatMap(createTable)));
  }
  if (section.isOpen) drawTables();
  return section;
}

/** Create a table, and a line about what it leaves out. */
export function createTable({ title, corner, headings, rows, rest }: ValueTable): HTMLElement[] {
  const head = [corner, ...headings].map((text) => h("th", { scope: "col" }, text));
  const table = h(
    "table",
    { class: "flw-values" },
    h("caption", {}, title),
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...rows.map(createRow)),
  );
  return rest ? [table, h("p", { class: "flw-more" }, rest)] : [table];
}

function createRow({ name, cells, best, shades }: ValueRow): HTMLElement {
  const values = cells.map((text, column) => {
    const cell = best.includes(column)
      ? h("td", { class: "flw-best-value" }, text, screenReaderText(" (best)"))
      : h("td", {}, text || "–");
    const shade = shades[column];
    // Half of the accent at most, so that the numbers keep their contrast.
    if (shade != null) cell.style.setProperty("--flw-shade", `${Math.min(100, Math.max(0, shade)) / 2}%`);
    return cell;
  });
  return h("tr", {}, h("th", { scope: "row" }, name), ...values);
}
