/**
 * Order and filter of the compared jobs. `rate>0.1 accuracy>=0.9 -failed bold` has four conditions, and a job is shown
 * if it meets all of them. A condition names a column; any other word is searched for in the whole row.
 */
import type { Cell, Column } from "./view-model";

export interface RowFilter {
  readonly test: (row: number) => boolean;
  /** Errors in the query, a text each; those conditions are ignored. */
  readonly problems: readonly string[];
}

export interface RowOrder {
  readonly column: string;
  readonly descending: boolean;
}

type Test = (row: number) => boolean;

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b,
  "=": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

export function readRowFilter(query: string, columns: readonly Column[]): RowFilter {
  const tests: Test[] = [];
  const problems: string[] = [];
  for (const word of query.match(/(?:[^\s"]+|"[^"]*"?)+/gu) ?? []) {
    const isNegated = word.startsWith("-") && word.length > 1;
    const found = parseCondition((isNegated ? word.slice(1) : word).replaceAll('"', ""), columns);
    if (typeof found === "string") problems.push(found);
    else tests.push(isNegated ? (row) => !found(row) : found);
  }
  return { test: (row) => tests.every((test) => test(row)), problems };
}

function parseCondition(word: string, columns: readonly Column[]): Test | string {
  const [, name = "", sign = "", wanted = ""] = /^(.+?)(<=|>=|!=|<|>|=)(.+)$/su.exec(word) ?? [];
  const column = columns.find((one) => one.name.toLowerCase() === name.toLowerCase());
  const compare = COMPARISONS[sign];
  if (!column || !compare) {
    const needle = word.toLowerCase();
    return (row) => columns.some(({ cells }) => cells[row]?.text.toLowerCase().includes(needle));
  }
  const number = Number(wanted);
  if (Number.isFinite(number) && wanted.trim() !== "") {
    return (row) => {
      const value = column.cells[row]?.value;
      return typeof value === "number" ? compare(value, number) : sign === "!=";
    };
  }
  if (sign !== "=" && sign !== "!=") return `${word}: expected a number after ${sign}`;
  return (row) => (String(column.cells[row]?.value ?? "").toLowerCase() === wanted.toLowerCase()) === (sign === "=");
}

/** Return the order after a click on a heading: the best of a metric comes first. */
export function nextRowOrder(order: RowOrder | undefined, column: Column): RowOrder | undefined {
  const first = column.direction === "max";
  if (order?.column !== column.name) return { column: column.name, descending: first };
  return order.descending === first ? { column: column.name, descending: !first } : undefined;
}

/** Return rows in an order; unknown values come last, and equal ones as they are. */
export function sortRows(
  rows: readonly number[],
  order: RowOrder | undefined,
  columns: readonly Column[],
): readonly number[] {
  const column = columns.find(({ name }) => name === order?.column);
  if (!order || !column) return rows;
  const sign = order.descending ? -1 : 1;
  const sortKey = (row: number): Cell["value"] => column.cells[row]?.value ?? null;
  return [...rows].sort((a, b) => {
    const [x, y] = [sortKey(a), sortKey(b)];
    if (x === null || y === null) return Number(x === null) - Number(y === null) || a - b;
    const difference = typeof x === "number" && typeof y === "number" ? x - y : collator.compare(String(x), String(y));
    return sign * difference || a - b;
  });
}
