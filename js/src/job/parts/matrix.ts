/**
 * The matrix of sites by rounds and steps: a glyph and a colour per cell, and the present activity of each site. Of many
 * sites, those in trouble are shown and the others on request; of many rounds, a strip shows them all and scrolls.
 */
import { afterFrame, h, screenReaderText, setText, setVisible, whenChanged } from "../../core/dom";
import { textAt } from "../../core/live-text";
import { keepColumnsWhole } from "../../core/whole-columns";
import type { CellState, Matrix, MatrixColumn, MatrixRow, MatrixWorkflow } from "../view-model";
import { createStrip } from "./strip";

export interface MatrixPart {
  readonly element: HTMLElement;
  draw(matrix: Matrix | null, now: number): void;
  dispose(): void;
}

const ALL_SITES = "all sites";
/** Rows that are added at once: more take long to make, and nobody reads them. */
const ROWS_PER_PAGE = 100;
/** Sites from which on a filter is offered. */
const MIN_FILTERED_SITES = 24;
/** Columns from which on only every fifth has its number above it. */
const MAX_NUMBERED_COLUMNS = 24;
const NUMBERED_STEP = 5;
/** Columns of the first frame, the last ones: more than are in sight. Of many columns, the others take long to make. */
const FIRST_COLUMNS = 100;
/** Time from that frame until the others are drawn; a page that shows a view has more to do at first. */
const REST_DELAY_MS = 200;
/** How near to its end the reader may have scrolled to follow new rounds. */
const END_MARGIN_PX = 24;

interface Layout {
  readonly legend: Readonly<Record<string, CellState>>;
  readonly edges: ReadonlySet<number>;
  /** The number of columns that a narrow output hides, the first ones. */
  readonly oldCount: number;
  /** The same for equal layouts. */
  readonly key: string;
}

/** @param openSections the open state of each section, and that of the list of sites */
export function createMatrix(openSections: Map<string, boolean>): MatrixPart {
  const summary = h("p", { class: "flw-matrix-summary" });
  const head = h("thead");
  const body = h("tbody");
  const table = h("table", { class: "flw-matrix", "aria-label": "work of each site by round and step" }, head, body);
  const scroller = h("div", { class: "flw-matrix-scroll", tabindex: "0" }, table);
  const strip = createStrip((share) => scrollToShare(share));
  const foldArrow = h("span", { class: "flw-fold-arrow", "aria-hidden": "true" });
  const foldText = h("span", {});
  const fold = h("button", { class: "flw-link flw-fold-sites", type: "button" }, foldArrow, foldText);
  const filter = h("input", { class: "flw-matrix-filter", "aria-label": "filter sites" });
  filter.type = "search";
  filter.placeholder = "filter sites";
  const next = h("button", { class: "flw-link", type: "button" });
  const tools = h("div", { class: "flw-matrix-tools" }, fold, filter, next);
  const more = h("p", { class: "flw-more" });
  const element = h("div", { class: "flw-matrix-box" }, summary, strip.element, scroller, tools, more);

  /** The matrix, and the part of it that is drawn. */
  let whole: Matrix | null = null;
  let latest: Matrix | null = null;
  let latestNow = 0;
  let columnLimit = FIRST_COLUMNS;
  let cancelRest: (() => void) | undefined;
  let rowLimit = ROWS_PER_PAGE;
  /** New rounds are scrolled to, for as long as the reader stays at the end. */
  let isFollowing = true;
  const rows: RowPart[] = [];

  const markBusy = whenChanged((isBusy: boolean) => table.setAttribute("aria-busy", String(isBusy)));
  const drawHead = whenChanged(
    ({ columns, workflows, narrowCount }: Pick<Matrix, "columns" | "workflows" | "narrowCount">) => {
      const edges = findEdges(workflows);
      const isSparse = columns.length > MAX_NUMBERED_COLUMNS;
      const cells = columns.map((column, index) => {
        const classes = columnClass(index, columns.length - narrowCount, edges);
        const isNumbered = !isSparse || isLabelled(columns, index);
        return h(
          "th",
          { class: `flw-column ${classes}`, scope: "col", title: column.title },
          column.prefix && screenReaderText(column.prefix),
          isSparse && isNumbered ? h("span", { class: "flw-column-number" }, column.label) : "",
          isNumbered ? "" : screenReaderText(column.label),
          isSparse ? "" : column.label,
        );
      });
      const headings: HTMLElement[] = [];
      if (workflows.length) headings.push(h("tr", { class: "flw-workflows" }, ...workflowHeadings(workflows)));
      if (columns.length)
        headings.push(
          h("tr", {}, spokenHeading("site"), ...withGaps(cells, edges), spokenHeading("now", "flw-now-heading")),
        );
      head.replaceChildren(...headings);
    },
  );

  function drawAll(): void {
    latest = whole && takeLastColumns(whole, columnLimit);
    if (!latest) return;
    const { columns, workflows, narrowCount, legend } = latest;
    const edges = findEdges(workflows);
    const matching = matchingRows(latest);
    const drawn = matching.slice(0, rowLimit);
    if (drawn.length) drawHead({ columns, workflows, narrowCount });
    const oldCount = columns.length - narrowCount;
    const layout: Layout = { legend, edges, oldCount, key: JSON.stringify([legend, [...edges], oldCount]) };
    for (const gone of rows.splice(drawn.length)) gone.element.remove();
    drawn.forEach((row, index) => {
      let part = rows[index];
      if (!part) {
        part = createRow();
        rows.push(part);
        body.append(part.element);
      }
      part.draw(row, layout);
    });
    // Without rows, the strip shows the rounds.
    setVisible(scroller, drawn.length > 0);
    drawTimes();
    drawTools(matching.length - drawn.length);
    setText(more, latest.rest);
    setVisible(more, latest.rest !== "");
    wholeColumns.update();
    const isPart = drawn.length > 0 && latest !== whole;
    markBusy(isPart);
    if (isPart) cancelRest ??= afterFrame(drawRest, REST_DELAY_MS);
  }

  function drawRest(): void {
    columnLimit = Number.POSITIVE_INFINITY;
    // The others come before those in sight, which stay there.
    const fromEnd = scroller.scrollWidth - scroller.scrollLeft;
    drawAll();
    scroller.scrollLeft = scroller.scrollWidth - fromEnd;
  }

  const wholeColumns = keepColumnsWhole({
    ...{ frame: element, scroller, table, isAtEnd: () => isFollowing },
    cells: () => [...head.querySelectorAll<HTMLElement>("tr:last-child > :is(.flw-column, .flw-gap)")],
    onLayout: follow,
  });

  function follow(): void {
    if (isFollowing) scroller.scrollLeft = scroller.scrollWidth;
    drawStrip();
  }

  function matchingRows({ rows: all, openCount }: Matrix): readonly MatrixRow[] {
    if (openCount >= all.length) return all;
    if (openSections.get(ALL_SITES) !== true) return all.slice(0, openCount);
    const wanted = filter.value.trim().toLowerCase();
    if (!wanted) return all;
    return all.filter(
      ({ site, activity }) =>
        site.toLowerCase().includes(wanted) || textAt(activity, latestNow).toLowerCase().includes(wanted),
    );
  }

  function drawTimes(): void {
    if (!latest) return;
    setText(summary, textAt(latest.summary, latestNow));
    setVisible(summary, summary.textContent !== "");
    for (const row of rows) row.drawTime(latestNow);
  }

  function drawTools(hidden: number): void {
    if (!latest) return;
    const { rows: all, openCount } = latest;
    const [isLong, isOpen] = [openCount < all.length, openSections.get(ALL_SITES) === true];
    setVisible(tools, isLong);
    setText(foldArrow, isOpen ? "▾" : "▸");
    setText(foldText, isOpen ? `${all.length} sites` : `all ${all.length} sites`);
    fold.setAttribute("aria-expanded", String(isOpen));
    setVisible(filter, isLong && isOpen && all.length > MIN_FILTERED_SITES);
    setText(next, `show ${Math.min(hidden, ROWS_PER_PAGE)} more of ${hidden}`);
    setVisible(next, isLong && isOpen && hidden > 0);
  }

  function drawStrip(): void {
    if (!latest) return;
    const { strip: states, stripStart, columns, legend } = latest;
    const hasHidden = stripStart > 0 || rows.length === 0 || scroller.scrollWidth > scroller.clientWidth + 1;
    setVisible(strip.element, hasHidden && columns.length > 1);
    if (!hasHidden) return;
    strip.draw(states, legend);
    strip.element.classList.toggle("flw-strip-whole", rows.length === 0);
    const shownShare = columns.length / Math.max(1, states.length);
    const from = scroller.scrollLeft / Math.max(1, scroller.scrollWidth);
    const width = scroller.clientWidth / Math.max(1, scroller.scrollWidth);
    const start = stripStart / Math.max(1, states.length);
    strip.drawWindow(start + from * shownShare, Math.min(1, width) * shownShare);
  }

  function scrollToShare(share: number): void {
    if (!latest) return;
    const { strip: states, stripStart, columns } = latest;
    const place = (share * states.length - stripStart) / Math.max(1, columns.length);
    scroller.scrollLeft = place * scroller.scrollWidth - scroller.clientWidth / 2;
  }

  fold.addEventListener("click", () => {
    openSections.set(ALL_SITES, openSections.get(ALL_SITES) !== true);
    rowLimit = ROWS_PER_PAGE;
    drawAll();
  });
  filter.addEventListener("input", () => {
    rowLimit = ROWS_PER_PAGE;
    drawAll();
  });
  next.addEventListener("click", () => {
    rowLimit += ROWS_PER_PAGE;
    drawAll();
  });
  scroller.addEventListener("scroll", () => {
    isFollowing = scroller.scrollLeft + scroller.clientWidth >= scroller.scrollWidth - END_MARGIN_PX;
    drawStrip();
  });
  return {
    element,
    draw(matrix, now) {
      latestNow = now;
      setVisible(element, matrix !== null);
      if (matrix === whole) drawTimes();
      else {
        whole = matrix;
        drawAll();
      }
    },
    dispose() {
      cancelRest?.();
      wholeColumns.dispose();
    },
  };
}

interface RowPart {
  readonly element: HTMLElement;
  draw(row: MatrixRow, layout: Layout): void;
  drawTime(now: number): void;
}

/** Create a row that, when it is drawn again, touches only the cells that have changed. */
function createRow(): RowPart {
  const name = h("span", { class: "flw-site-label" });
  const heading = h("th", { scope: "row" }, name);
  const activity = h("td", { class: "flw-now" });
  const line = h("tr", {}, heading, activity);
  let latest: MatrixRow | undefined;
  let cells: { readonly element: HTMLElement; code: string }[] = [];
  let gapKey = "";
  let drawnLayout = "";

  function drawCells(codes: string, { legend, edges, oldCount }: Layout): void {
    const nextGapKey = [...edges].join();
    if (nextGapKey !== gapKey || codes.length < cells.length) {
      while (heading.nextSibling && heading.nextSibling !== activity) heading.nextSibling.remove();
      cells = [];
      gapKey = nextGapKey;
    }
    const added: HTMLElement[] = [];
    for (let index = 0; index < codes.length; index++) {
      const code = codes[index] ?? " ";
      let cell = cells[index];
      if (!cell) {
        cell = { element: h("td"), code: "" };
        cells.push(cell);
        added.push(...withGap(cell.element, edges.has(index)));
      }
      const stateClass = legend[code] && code !== " " ? ` flw-cell-${code}` : "";
      const classes = `flw-cell${stateClass} ${columnClass(index, oldCount, edges)}`;
      if (cell.element.className !== classes) cell.element.className = classes;
      if (cell.code === code) continue;
      cell.code = code;
      const { glyph, label } = legend[code] ?? { glyph: "?", label: "unknown" };
      cell.element.title = label;
      cell.element.replaceChildren(h("span", { "aria-hidden": "true" }, glyph), screenReaderText(label));
    }
    // At once: the page looks for what concerns a row's other cells each time.
    activity.before(...added);
  }

  return {
    element: line,
    draw(row, layout) {
      const isSame = latest?.cells === row.cells && drawnLayout === layout.key;
      latest = row;
      drawnLayout = layout.key;
      setText(name, row.label);
      if (heading.title !== row.site) heading.title = row.site;
      if (!isSame) drawCells(row.cells, layout);
    },
    drawTime(now) {
      const text = latest ? textAt(latest.activity, now) : "";
      if (activity.textContent === text) return;
      setText(activity, text);
      // In a narrow output, the style sheet shows it below the name.
      heading.dataset["now"] = text;
    },
  };
}

function spokenHeading(text: string, className = ""): HTMLElement {
  return h("th", { class: className, scope: "col" }, screenReaderText(text));
}

function workflowHeadings(workflows: readonly MatrixWorkflow[]): HTMLElement[] {
  const headings = workflows.map(({ label, title, span }, index) =>
    h("th", { class: index ? "flw-edge" : "", scope: "colgroup", colspan: String(span + 1), title }, label),
  );
  return [spokenHeading("workflow"), ...headings];
}

/** Return whether a column has its number above it where not all have room: every fifth, the first and the last. */
function isLabelled(columns: readonly MatrixColumn[], index: number): boolean {
  const last = columns.length - 1;
  const number = Number(columns[index]?.label);
  if (!Number.isFinite(number)) return true;
  if (index === 0 || index === last) return true;
  return number % NUMBERED_STEP === 0 && index > 1 && index < last - 1;
}

/**
 * Add a cell at the end of each workflow but the last, which takes the room that the workflow's name needs: so its
 * columns stay as narrow as the others.
 */
function withGaps(cells: readonly HTMLElement[], edges: ReadonlySet<number>): HTMLElement[] {
  return cells.flatMap((cell, index) => withGap(cell, edges.has(index)));
}

function withGap(cell: HTMLElement, isEdge: boolean): HTMLElement[] {
  return isEdge ? [h("td", { class: "flw-gap" }), cell] : [cell];
}

/** Return a matrix with its last columns only. */
function takeLastColumns(matrix: Matrix, count: number): Matrix {
  const skipped = matrix.columns.length - count;
  if (skipped <= 0) return matrix;
  let end = -skipped;
  return {
    ...matrix,
    columns: matrix.columns.slice(skipped),
    workflows: matrix.workflows.flatMap((workflow) => {
      end += workflow.span;
      return end > 0 ? [{ ...workflow, span: Math.min(workflow.span, end) }] : [];
    }),
    rows: matrix.rows.map((row) => ({ ...row, cells: row.cells.slice(skipped) })),
    stripStart: matrix.stripStart + skipped,
    narrowCount: Math.min(matrix.narrowCount, count),
  };
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
