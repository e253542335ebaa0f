/**
 * A list of any length that renders only its visible rows. All rows have the same height, or each its own if the list
 * is told to measure them.
 *
 * The list is one stop for the Tab key. Its cursor is a row, moved by the arrow keys, Page Up and Down, Home and End;
 * screen readers learn of it by `aria-activedescendant` and `aria-rowindex`. Other keys go to the owner of the list
 * (`onKey`).
 */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import { h } from "./dom";

/** The elements of a row, reused for other rows as the list is scrolled. */
export interface RowRenderer<Row> {
  readonly element: HTMLElement;
  draw(row: Row, place: RowPosition): void;
  dispose?(): void;
}

export interface RowPosition {
  /** Index in the whole list, from 0. */
  readonly index: number;
  /** True for the row of the cursor. */
  readonly isActive: boolean;
}

export interface VirtualListOptions<Row> {
  /** Height in pixels; the style sheet must give rows the same. */
  readonly rowHeight: number;
  readonly makeRow: () => RowRenderer<Row>;
  /** Key of a row, by which the cursor stays on it when others come or go. */
  readonly keyOf: (row: Row) => string;
  /** Role of the list: `grid`, `log`, ... */
  readonly role: string;
  readonly rowRole: string;
  readonly label: string;
  /** Sticky header: a row of a grid, and its height in pixels. */
  readonly header?: { readonly element: HTMLElement; readonly height: number };
  /** Follow the end as rows are added, for as long as the reader stays there. */
  readonly followEnd?: boolean;
  /** Called when the reader has left the end or come back to it. */
  readonly onFollowEndChange?: (atEnd: boolean) => void;
  /** Called when the cursor has moved, by a key or by `activate`. */
  readonly onMove?: (from: number, to: number, event: KeyboardEvent | undefined) => void;
  /** Handle a key that does not move the cursor; return true if it is handled. */
  readonly onKey?: (event: KeyboardEvent, active: number) => boolean;
}

export interface VirtualList<Row> {
  /** The scrolling element; give it a height. */
  readonly element: HTMLElement;
  setRows(rows: readonly Row[]): void;
  /** Draw the visible rows again after a change of something else than the rows. */
  redraw(): void;
  /** Index of the cursor; -1 if there is none. */
  readonly active: number;
  /** Index of the first row in sight. */
  readonly firstVisible: number;
  /** Put the cursor on a row and scroll to it, or until it is the first one in sight. */
  activate(index: number, event?: KeyboardEvent, align?: "auto" | "start" | "center"): void;
  /** Give each row the height of its content, or all rows the same height. */
  setMeasured(on: boolean): void;
  /** Scroll to the end and, if `followEnd` is set, follow it. */
  toEnd(): void;
  dispose(): void;
}

const OVERSCAN = 6;
/** Number of times that rows are drawn at once because their heights are not as expected. */
const MAX_PASSES = 5;
let listCount = 0;

export function createVirtualList<Row>(options: VirtualListOptions<Row>): VirtualList<Row> {
  const { rowHeight, keyOf, header, rowRole } = options;
  const prefix = `flw-list-${++listCount}`;
  const top = header?.height ?? 0;
  const body = h("div", { class: "flw-list-body", role: rowRole === "row" ? "rowgroup" : "presentation" });
  body.style.position = "relative";
  const element = h(
    "div",
    // JupyterLab leaves key presses below this attribute to the widget.
    { class: "flw-list", role: options.role, tabindex: "0", "data-lm-suppress-shortcuts": "true" },
    ...(header ? [header.element] : []),
    body,
  );
  element.setAttribute("aria-label", options.label);

  let rows: readonly Row[] = [];
  let activeKey: string | undefined;
  let active = -1;
  let following = options.followEnd === true;
  let isMeasured = false;
  let isDrawing = false;
  let isDrawingDue = false;
  const rendered = new Map<string, { part: RowRenderer<Row>; index: number }>();
  const spare: RowRenderer<Row>[] = [];

  const virtualizer = new Virtualizer<HTMLElement, HTMLElement>(settings());

  function settings() {
    return {
      count: rows.length,
      getScrollElement: () => element,
      estimateSize: () => rowHeight,
      getItemKey: (index: number) => index,
      overscan: OVERSCAN,
      scrollMargin: top,
      scrollPaddingStart: top,
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => draw(),
    };
  }

  function draw(): void {
    // Measuring a row, when it is drawn, asks for another drawing.
    isDrawingDue = true;
    if (isDrawing) return;
    isDrawing = true;
    for (let pass = 0; isDrawingDue && pass < MAX_PASSES; pass++) {
      isDrawingDue = false;
      drawRows();
    }
    isDrawing = false;
    if (isMeasured && following) scrollToEnd();
  }

  function drawRows(): void {
    body.style.height = `${isMeasured ? virtualizer.getTotalSize() : rows.length * rowHeight}px`;
    const wantedRows = new Map<string, number>();
    for (const { index } of virtualizer.getVirtualItems()) {
      const row = rows[index];
      if (row !== undefined) wantedRows.set(keyOf(row), index);
    }
    // Keep the row of the cursor, so that screen readers can refer to it even when it is scrolled away.
    if (activeKey !== undefined && active >= 0) wantedRows.set(activeKey, active);
    for (const [key, { part }] of rendered) {
      if (wantedRows.has(key)) continue;
      rendered.delete(key);
      part.element.remove();
      // An element that is measured is known by its row.
      if (isMeasured) part.dispose?.();
      else spare.push(part);
    }
    for (const [key, index] of wantedRows) {
      const part = rendered.get(key)?.part ?? spare.pop() ?? options.makeRow();
      rendered.set(key, { part, index });
      place(part, index);
      if (part.element.parentNode !== body) body.append(part.element);
      if (isMeasured) virtualizer.measureElement(part.element);
    }
    const current = activeKey === undefined ? undefined : rendered.get(activeKey);
    if (current) element.setAttribute("aria-activedescendant", current.part.element.id);
    else element.removeAttribute("aria-activedescendant");
  }

  function place(part: RowRenderer<Row>, index: number): void {
    const row = rows[index];
    if (row === undefined) return;
    const line = part.element;
    line.id = `${prefix}-${index}`;
    line.setAttribute("role", rowRole);
    if (rowRole === "row") line.setAttribute("aria-rowindex", String(index + 1 + (header ? 1 : 0)));
    else {
      line.setAttribute("aria-posinset", String(index + 1));
      line.setAttribute("aria-setsize", String(rows.length));
    }
    line.style.position = "absolute";
    line.style.top = "0";
    line.dataset["index"] = String(index);
    line.style.transform = `translateY(${startOf(index)}px)`;
    const isActive = index === active;
    line.classList.toggle("flw-active", isActive);
    part.draw(row, { index, isActive });
  }

  function startOf(index: number): number {
    const measured = isMeasured ? virtualizer.measurementsCache[index] : undefined;
    return measured ? measured.start - top : index * rowHeight;
  }

  /** Forget the heights and the elements of all rows. */
  function startAnew(): void {
    for (const { part } of rendered.values()) {
      part.element.remove();
      part.dispose?.();
    }
    rendered.clear();
    virtualizer.measure();
  }

  function setRows(next: readonly Row[]): void {
    const wasAt = active;
    const isOther = next !== rows;
    rows = next;
    if (activeKey !== undefined) {
      const key = activeKey;
      const same = rows[wasAt];
      active = same !== undefined && keyOf(same) === key ? wasAt : rows.findIndex((row) => keyOf(row) === key);
      if (active < 0) {
        // The row is gone: keep the position of the cursor.
        active = Math.min(wasAt, rows.length - 1);
        const row = rows[active];
        activeKey = row === undefined ? undefined : keyOf(row);
      }
    }
    if (rowRole === "row") element.setAttribute("aria-rowcount", String(rows.length + (header ? 1 : 0)));
    virtualizer.setOptions(settings());
    virtualizer._willUpdate();
    // Heights are known by the indices of rows, which are others in another list.
    if (isMeasured && isOther) startAnew();
    draw();
    if (following) scrollToEnd();
  }

  function activate(index: number, event?: KeyboardEvent, align: "auto" | "start" | "center" = "auto"): void {
    const to = Math.max(0, Math.min(index, rows.length - 1));
    const row = rows[to];
    if (row === undefined) return;
    const from = active;
    active = to;
    activeKey = keyOf(row);
    virtualizer.scrollToIndex(to, { align });
    draw();
    options.onMove?.(from, to, event);
  }

  function scrollToEnd(): void {
    if (rows.length > 0) element.scrollTop = top + (isMeasured ? virtualizer.getTotalSize() : rows.length * rowHeight);
  }

  const page = (): number => Math.max(1, Math.floor((element.clientHeight - top) / rowHeight) - 1);

  function target(key: string): number | undefined {
    switch (key) {
      case "ArrowDown":
        return active + 1;
      case "ArrowUp":
        return active < 0 ? rows.length - 1 : active - 1;
      case "PageDown":
        return Math.max(0, active) + page();
      case "PageUp":
        return Math.max(0, active) - page();
      case "Home":
        return 0;
      case "End":
        return rows.length - 1;
      default:
        return undefined;
    }
  }

  element.addEventListener("keydown", (event) => {
    if (event.target !== element) return; // a button in a row has keys of its own
    const to = event.altKey ? undefined : target(event.key);
    if (to !== undefined) activate(to, event);
    else if (!options.onKey?.(event, active)) return;
    event.preventDefault();
    event.stopPropagation();
  });

  element.addEventListener("focus", () => {
    // Not on a click, which selects a row itself.
    if (active < 0 && element.matches(":focus-visible")) activate(following ? rows.length - 1 : 0);
  });

  element.addEventListener("scroll", () => {
    if (options.followEnd !== true) return;
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - rowHeight / 2;
    if (atEnd === following) return;
    following = atEnd;
    options.onFollowEndChange?.(atEnd);
  });

  const unmount = virtualizer._didMount();
  virtualizer._willUpdate();

  return {
    element,
    setRows,
    redraw: draw,
    get active() {
      return active;
    },
    get firstVisible() {
      return virtualizer.getVirtualItemForOffset(element.scrollTop + top)?.index ?? 0;
    },
    activate,
    setMeasured(on) {
      if (on === isMeasured) return;
      startAnew();
      isMeasured = on;
      draw();
      if (active >= 0) virtualizer.scrollToIndex(active, { align: "auto" });
    },
    toEnd() {
      following = options.followEnd === true;
      scrollToEnd();
    },
    dispose() {
      unmount();
      for (const { part } of rendered.values()) part.dispose?.();
      for (const part of spare) part.dispose?.();
      rendered.clear();
      element.remove();
    },
  };
}
