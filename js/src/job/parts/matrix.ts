/** The matrix of sites and rounds: a glyph and a colour per cell, and the present activity of each site. */
import { h, screenReaderText, setText, setVisible, whenChanged } from "../../core/dom";
import { textAt } from "../../core/live-text";
import type { Matrix, MatrixRow } from "../view-model";

/** Number of rounds that fit a narrow output; older ones are hidden there. */
const NARROW_ROUNDS = 4;

export interface MatrixPart {
  readonly element: HTMLElement;
  draw(matrix: Matrix | null, now: number): void;
}

export function createMatrix(): MatrixPart {
  const head = h("thead");
  const body = h("tbody");
  const more = h("p", { class: "flw-more" });
  const table = h("table", { class: "flw-matrix", "aria-label": "activity of each site by round" }, head, body);
  const element = h("div", { class: "flw-matrix-box" }, table, more);
  let rowElements: { readonly activity: HTMLElement; row: MatrixRow }[] = [];

  const drawHead = whenChanged((rounds: readonly number[]) => {
    const cells = rounds.map((round, index) =>
      h("th", { class: age(index, rounds.length), scope: "col" }, screenReaderText("round "), String(round)),
    );
    head.replaceChildren(
      h(
        "tr",
        {},
        h("th", { scope: "col" }, screenReaderText("site")),
        ...cells,
        h("th", { scope: "col" }, screenReaderText("now")),
      ),
    );
  });
  const drawBody = whenChanged(({ rows, legend }: Pick<Matrix, "rows" | "legend">) => {
    rowElements = rows.map((row) => ({ activity: h("td", { class: "flw-now" }), row }));
    body.replaceChildren(...rowElements.map(({ activity, row }) => tableRow(row, legend, activity)));
  });

  return {
    element,
    draw(matrix, now) {
      setVisible(element, matrix !== null);
      if (!matrix) return;
      drawHead(matrix.rounds);
      drawBody({ rows: matrix.rows, legend: matrix.legend });
      for (const { activity, row } of rowElements) setText(activity, textAt(row.activity, now));
      setText(more, matrix.rest);
      setVisible(more, matrix.rest !== "");
    },
  };
}

function tableRow(row: MatrixRow, legend: Matrix["legend"], activity: HTMLElement): HTMLElement {
  const cells = Array.from(row.cells, (code, index) => {
    const { glyph, label } = legend[code] ?? { glyph: "?", label: "unknown" };
    const stateClass = legend[code] && code !== " " ? ` flw-cell-${code}` : "";
    return h(
      "td",
      { class: `flw-cell${stateClass} ${age(index, row.cells.length)}`, title: label },
      h("span", { "aria-hidden": "true" }, glyph),
      screenReaderText(label),
    );
  });
  return h("tr", {}, h("th", { scope: "row", title: row.site }, row.site), ...cells, activity);
}

function age(index: number, all: number): string {
  return index < all - NARROW_ROUNDS ? "flw-old" : "";
}
