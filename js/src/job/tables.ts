/** The tables of a job, each section with a title: the front-end half of flare_widgets/views/job/tables.py. */
import { asNumber, asRecords, asText, asTexts } from "../core/validate";

export interface ValueRow {
  readonly name: string;
  readonly cells: readonly string[];
  /** The columns in which it is the best. */
  readonly best: readonly number[];
  /** The place of each value between the least and the greatest, in percent, for a heat map; empty for none. */
  readonly shades: readonly (number | null)[];
}

export interface ValueTable {
  readonly title: string;
  readonly corner: string;
  readonly headings: readonly string[];
  readonly rows: readonly ValueRow[];
  readonly rest: string;
}

export interface TableSection {
  readonly title: string;
  readonly tables: readonly ValueTable[];
}

/** Read the sections that Python's `TablesJsonCache` has made. */
export function readTableSections(value: unknown): TableSection[] {
  return asRecords(value).map(({ title, tables }) => ({
    title: asText(title),
    tables: readTables(tables),
  }));
}

/** Read tables as Python's `ValueTable.to_json` makes them. */
export function readTables(value: unknown): ValueTable[] {
  return asRecords(value).map(readTable);
}

function readTable(raw: Record<string, unknown>): ValueTable {
  const headings = asTexts(raw["headings"]);
  return {
    title: asText(raw["title"]),
    corner: asText(raw["corner"]),
    headings,
    rows: asRecords(raw["rows"]).map(({ name, cells, best, shades }) => ({
      name: asText(name),
      cells: asTexts(cells).slice(0, headings.length),
      best: Array.isArray(best) ? best.map((column) => asNumber(column) ?? -1) : [],
      shades: Array.isArray(shades) ? shades.map(asNumber) : [],
    })),
    rest: asText(raw["rest"]),
  };
}
