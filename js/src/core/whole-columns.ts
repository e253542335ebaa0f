/**
 * Whole columns in a table that scrolls: its box is made as narrow as the columns that fit, so that none is cut in half.
 * The rest is scrolled to, a column at a time.
 */

export interface ColumnsInSight {
  /** The width of those that fit. */
  readonly width: number;
  /** The number of those that do not. */
  readonly hiddenCount: number;
}

/**
 * Choose the columns that fit into some room, beginning with the one at `start`, or with the last one for `fromEnd`.
 * One column is always chosen; where there is room at the end, earlier ones are taken too.
 */
export function chooseColumns(
  widths: readonly number[],
  room: number,
  { start = 0, fromEnd = false }: { readonly start?: number; readonly fromEnd?: boolean } = {},
): ColumnsInSight {
  const first = Math.min(start, widths.length - 1);
  const later = widths.slice(first);
  const order = fromEnd ? [...widths].reverse() : [...later, ...widths.slice(0, first).reverse()];
  let width = order[0] ?? 0;
  let count = Math.min(1, order.length);
  for (const each of order.slice(1)) {
    // Widths are fractions of pixels.
    if (width + each > room + 0.5) break;
    width += each;
    count++;
  }
  return { width, hiddenCount: widths.length - count };
}

export interface WholeColumnsOptions {
  /** What limits the width of the scrolled element: its parent. */
  readonly frame: HTMLElement;
  readonly scroller: HTMLElement;
  readonly table: HTMLTableElement;
  /** The cells of a row that scroll: all but those that stay in sight. */
  readonly cells: () => readonly HTMLElement[];
  /** Return true if the last columns are to be in sight, instead of those at the place that is scrolled to. */
  readonly isAtEnd?: () => boolean;
  /** Called after each layout with the number of columns out of sight. */
  readonly onLayout?: (hiddenCount: number) => void;
}

export interface WholeColumns {
  /** Lay out again: the columns may have changed. */
  update(): void;
  dispose(): void;
}

/** Keep the columns of a scrolled table whole, also when its room changes. */
export function keepColumnsWhole(options: WholeColumnsOptions): WholeColumns {
  const { frame, scroller, table, cells, isAtEnd = () => false, onLayout = () => {} } = options;
  function update(): void {
    const found = cells();
    const widths = found.map((cell) => cell.getBoundingClientRect().width);
    const total = sum(widths);
    // What stays in sight, and the bar by which the rows are scrolled.
    const fixed = table.getBoundingClientRect().width - total + scroller.offsetWidth - scroller.clientWidth;
    const room = frame.clientWidth - fixed;
    const fits = total <= room + 0.5;
    const start = widths.findIndex((_, index) => sum(widths.slice(0, index + 1)) > scroller.scrollLeft + 1);
    const { width, hiddenCount } = fits
      ? { width: total, hiddenCount: 0 }
      : chooseColumns(widths, room, { start: Math.max(0, start), fromEnd: isAtEnd() });
    const maxWidth = fits ? "" : `${Math.ceil(fixed + width)}px`;
    if (scroller.style.maxWidth !== maxWidth) scroller.style.maxWidth = maxWidth;
    onLayout(hiddenCount);
  }

  /** Have a column begin where the reader has scrolled to. */
  function settle(): void {
    const edges = [0];
    for (const cell of cells()) edges.push((edges.at(-1) ?? 0) + cell.getBoundingClientRect().width);
    const { scrollLeft } = scroller;
    const isLast = scrollLeft + scroller.clientWidth >= scroller.scrollWidth - 1;
    const nearest = edges.reduce((a, b) => (Math.abs(b - scrollLeft) < Math.abs(a - scrollLeft) ? b : a));
    if (!isLast && Math.abs(nearest - scrollLeft) > 1) scroller.scrollLeft = nearest;
    update();
  }

  const sizes = new ResizeObserver(update);
  sizes.observe(frame);
  // Its words may change without its columns, and take the room of one.
  sizes.observe(table);
  scroller.addEventListener("scrollend", settle);
  return {
    update,
    dispose() {
      sizes.disconnect();
      scroller.removeEventListener("scrollend", settle);
    },
  };
}

function sum(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width, 0);
}
