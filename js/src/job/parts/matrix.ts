/** The matrix of sites by rounds and steps: a glyph and a colour per cell, and the present activity of each site. */
import { h, screenReaderText, setText, setVisible, whenChanged } from "../../core/dom";
import { textAt } from "../../core/live-text";
import type { Matrix, MatrixRow, MatrixWorkflow } from "../view-model";

export interface MatrixPart {
  readonly element: HTMLElement;
  draw(matrix: Matrix | null, now: number): void;
}

export function createMatrix(): MatrixPart {
  const head = h("thead");
  const body = h("tbody");
  const more = h("p", { class: "flw-more" });
  const table = h("table", { class: "flw-matrix", "aria-label": "work of each site by round and step" }, head, body);
  const element = h("div", { class: "flw-matrix-box", tabindex: "0" }, table, more);
  let rowElements: { readonly activity: HTMLElement; row: MatrixRow }[] = [];

  const drawHead = whenChanged(
    ({ columns, workflows, narrowCount }: Pick<Matrix, "columns" | "workflows" | "narrowCount">) => {
      const edges = findEdges(workflows);
      const cells = columns.map(({ label, prefix, title }, index) =>
        h(
          "th",
          { class: `flw-column ${columnClass(index, columns.length - narrowCount, edges)}`, scope: "col", title },
          prefix && screenReaderText(prefix),
          label,
        ),
      );
      const rows: HTMLElement[] = [];
      if (workflows.length) rows.push(h("tr", { class: "flw-workflows" }, ...workflowHeadings(workflows)));
      if (columns.length)
        rows.push(h("tr", {}, spokenHeading("site"), ...withGaps(cells, edges), spokenHeading("now")));
      head.replaceChildren(...rows);
    },
  );
  const drawBody = whenChanged(
    ({ rows, legend, workflows, narrowCount }: Pick<Matrix, "rows" | "legend" | "workflows" | "narrowCount">) => {
      const edges = findEdges(workflows);
      rowElements = rows.map((row) => ({ activity: h("td", { class: "flw-now" }), row }));
      body.replaceChildren(
        ...rowElements.map(({ activity, row }) => tableRow(row, { legend, edges, narrowCount }, activity)),
      );
    },
  );

  return {
    element,
    draw(matrix, now) {
      setVisible(element, matrix !== null);
      if (!matrix) return;
      const { columns, workflows, narrowCount, rows, legend } = matrix;
      drawHead({ columns, workflows, narrowCount });
      drawBody({ rows, legend, workflows, narrowCount });
      for (const { activity, row } of rowElements) setText(activity, textAt(row.activity, now));
      setText(more, matrix.rest);
      setVisible(more, matrix.rest !== "");
    },
  };
}

function spokenHeading(text: string): HTMLElement {
  return h("th", { scope: "col" }, screenReaderText(text));
}

function workflowHeadings(workflows: readonly MatrixWorkflow[]): HTMLElement[] {
  const headings = workflows.map(({ label, title, span }, index) =>
    h("th", { class: index ? "flw-edge" : "", scope: "colgroup", colspan: String(span + 1), title }, label),
  );
  return [spokenHeading("workflow"), ...headings];
}

function tableRow(
  row: MatrixRow,
  { legend, narrowCount, edges }: Pick<Matrix, "legend" | "narrowCount"> & { readonly edges: ReadonlySet<number> },
  activity: HTMLElement,
): HTMLElement {
  const cells = Array.from(row.cells, (code, index) => {
    const { glyph, label } = legend[code] ?? { glyph: "?", label: "unknown" };
    const stateClass = legend[code] && code !== " " ? ` flw-cell-${code}` : "";
    return h(
      "td",
      { class: `flw-cell${stateClass} ${columnClass(index, row.cells.length - narrowCount, edges)}`, title: label },
      h("span", { "aria-hidden": "true" }, glyph),
      screenReaderText(label),
    );
  });
  return h("tr", {}, h("th", { scope: "row", title: row.site }, row.site), ...withGaps(cells, edges), activity);
}

/**
 * Add a cell at the end of each workflow but the last, which takes the room that the workflow's name needs: so its
 * columns stay as narrow as the others.
 */
function withGaps(cells: readonly HTMLElement[], edges: ReadonlySet<number>): HTMLElement[] {
  return cells.flatMap((cell, index) => (edges.has(index) ? [h("td", { class: "flw-gap" }), cell] : [cell]));
}

/** Return the columns with which a workflow begins, but for the first. */
function findEdges(workflows: readonly MatrixWorkflow[]): ReadonlySet<number> {
  const edges = new Set<number>();
  let column = 0;
  for (const { span } of workflows.slice(0, -1)) {
    column += span;
    edges.add(column);
  }
  return edges;
}

/** @param oldCount the number of columns that a narrow output hides, the first ones */
function columnClass(index: number, oldCount: number, edges: ReadonlySet<number>): string {
  return [index < oldCount ? "flw-old" : "", edges.has(index) ? "flw-edge" : ""].join(" ").trim();
}
