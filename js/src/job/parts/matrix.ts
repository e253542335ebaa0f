/** The site × round matrix: a glyph and a colour for each field, and at the right what each site does now. */
import { h, setText, show, spoken, whenChanged } from "../../core/dom";
import { duration } from "../../core/text";
import { CELLS, type Matrix, type Row } from "../view-model";

/** Rounds that a narrow output has room for; older ones are hidden there. */
const NARROW = 4;

export interface MatrixPart {
  readonly element: HTMLElement;
  draw(matrix: Matrix | null, now: number): void;
}

export function matrixPart(): MatrixPart {
  const head = h("thead");
  const body = h("tbody");
  const more = h("p", { class: "flw-more" });
  const table = h("table", { class: "flw-matrix", "aria-label": "what each site did in each round" }, head, body);
  const element = h("div", { class: "flw-matrix-box" }, table, more);
  let lines: { readonly said: HTMLElement; row: Row }[] = [];

  const drawHead = whenChanged((rounds: readonly number[]) => {
    const cells = rounds.map((round, index) =>
      h("th", { class: age(index, rounds.length), scope: "col" }, spoken("round "), String(round)),
    );
    head.replaceChildren(h("tr", {}, h("th", { scope: "col" }, spoken("site")), ...cells, h("th", { scope: "col" }, spoken("now"))));
  });
  const drawBody = whenChanged((rows: readonly Row[]) => {
    lines = rows.map((row) => ({ said: h("td", { class: "flw-now" }), row }));
    body.replaceChildren(...lines.map(({ said, row }) => tableRow(row, said)));
  });

  return {
    element,
    draw(matrix, now) {
      show(element, matrix !== null);
      if (!matrix) return;
      drawHead(matrix.rounds);
      drawBody(matrix.rows);
      for (const { said, row } of lines) setText(said, nowWords(row, now));
      const rest = [
        matrix.earlier ? `${matrix.earlier} earlier ${matrix.earlier === 1 ? "round" : "rounds"}` : "",
        matrix.more ? `${matrix.more} more ${matrix.more === 1 ? "site" : "sites"}` : "",
      ].filter(Boolean);
      setText(more, rest.length ? `and ${rest.join(", ")}` : "");
      show(more, rest.length > 0);
    },
  };
}

/** What a site does now, and for how long. */
export function nowWords(row: Row, now: number): string {
  if (row.since === null) return row.words;
  const seconds = Math.max(0, now - row.since);
  return `${row.words} for ${seconds < 60 ? `${Math.floor(seconds)} s` : duration(seconds)}`;
}

function tableRow(row: Row, said: HTMLElement): HTMLElement {
  const cells = Array.from(row.cells, (code, index) => {
    const { glyph, words } = CELLS[code] ?? { glyph: "?", words: "unknown" };
    const known = CELLS[code] && code !== " " ? ` flw-cell-${code}` : "";
    return h(
      "td",
      { class: `flw-cell${known} ${age(index, row.cells.length)}`, title: words },
      h("span", { "aria-hidden": "true" }, glyph),
      spoken(words),
    );
  });
  return h("tr", {}, h("th", { scope: "row", title: row.site }, row.site), ...cells, said);
}

function age(index: number, all: number): string {
  return index < all - NARROW ? "flw-old" : "";
}
