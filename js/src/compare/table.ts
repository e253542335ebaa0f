/** The table of the compared jobs: a click on a heading sorts it. */
import { h, setText, setVisible, whenChanged } from "../core/dom";
import { createSwatch } from "../core/series-style";
import { keepColumnsWhole } from "../core/whole-columns";
import type { RowOrder } from "./rows";
import type { Cell, Column } from "./view-model";

export interface TableState {
  readonly columns: readonly Column[];
  /** The jobs that are shown, in their order. */
  readonly rows: readonly number[];
  readonly order: RowOrder | undefined;
  readonly baseline: number;
}

export interface CompareTable {
  readonly element: HTMLElement;
  draw(state: TableState): void;
  dispose(): void;
}

interface TableOptions {
  readonly sort: (column: Column) => void;
  /** Called with the row under the pointer, or null. */
  readonly point: (row: number | null) => void;
}

export function createCompareTable({ sort, point }: TableOptions): CompareTable {
  const table = h("table");
  const scroller = h(
    "div",
    { class: "flw-table", tabindex: "0", role: "region", "aria-label": "table of the jobs" },
    table,
  );
  const more = h("p", { class: "flw-note", "aria-hidden": "true" });
  const element = h("div", {}, scroller, more);
  const wholeColumns = keepColumnsWhole({
    ...{ frame: element, scroller, table },
    cells: () => [...table.querySelectorAll<HTMLElement>("thead th:not(:first-child)")],
    onLayout(hiddenCount) {
      setText(more, `${hiddenCount} more ${hiddenCount === 1 ? "column" : "columns"}: scroll the table sideways`);
      setVisible(more, hiddenCount > 0);
    },
  });

  const draw = whenChanged(({ columns, rows, order, baseline }: TableState) => {
    const focused = table.contains(document.activeElement)
      ? document.activeElement?.getAttribute("data-column")
      : undefined;
    const heads = columns.map((column) => {
      const button = h("button", { class: "flw-heading", type: "button", "data-column": column.name }, column.heading);
      button.addEventListener("click", () => sort(column));
      const sorted = order?.column === column.name ? (order.descending ? "descending" : "ascending") : "none";
      return h("th", { scope: "col", class: `flw-${column.kind}`, "aria-sort": sorted }, button);
    });
    const lines = rows.map((row) => {
      const [head, ...rest] = columns;
      const tag = row === baseline ? [" ", h("span", { class: "flw-tag" }, "baseline")] : [];
      const line = h(
        "tr",
        row === baseline ? { class: "flw-baseline" } : {},
        h(
          "th",
          { scope: "row", title: String(head?.cells[row]?.value ?? "") },
          createSwatch(row, row === baseline),
          " ",
          head?.cells[row]?.text ?? "",
          ...tag,
        ),
        ...rest.map((column) => h("td", { class: `flw-${column.kind}` }, ...drawCell(column.cells[row]))),
      );
      line.addEventListener("pointerenter", () => point(row));
      return line;
    });
    table.replaceChildren(h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...lines));
    if (focused != null) {
      [...table.querySelectorAll<HTMLElement>("[data-column]")]
        .find((button) => button.dataset["column"] === focused)
        ?.focus();
    }
    wholeColumns.update();
  });
  table.addEventListener("pointerleave", () => point(null));
  return { element, draw, dispose: wholeColumns.dispose };
}

function drawCell(cell: Cell | undefined): (Node | string)[] {
  if (!cell) return ["–"];
  const parts: (Node | string)[] = [cell.isBest ? h("strong", { title: "best of all" }, cell.text) : cell.text];
  if (cell.note) parts.push(" ", h("span", { class: "flw-cell-note" }, `(${cell.note})`));
  if (cell.difference) {
    parts.push(" ", h("span", { class: `flw-difference ${cell.tone && `flw-${cell.tone}`}`.trim() }, cell.difference));
  }
  return parts;
}
