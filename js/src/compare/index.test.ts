/** Jobs beside each other, against a model as anywidget gives it. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Listener, Model } from "../core/anywidget-model";
import widget from "./index";
import { readMetrics } from "./view-model";

const measured = (metric: string, smaller = false) => ({
  name: metric,
  direction: smaller ? "min" : "max",
  scale: { low: 0, high: 1, ticks: [0, 1], labels: ["0", "1"] },
  lines: [
    [
      [1, 0.5],
      [2, 0.75],
    ],
    [[1, 0.25]],
  ],
  best: [2, 0.75],
});

function open(traits: Record<string, unknown> = {}) {
  const listeners = new Map<string, Set<Listener>>();
  const all: Record<string, unknown> = {
    jobs: [{ label: "job-0", problem: "" }],
    headings: ["job", "status"],
    rows: [
      ["job-0", "● RUNNING"],
      ["job-1", "✓ FINISHED:COMPLETED"],
    ],
    metrics: [measured("accuracy"), measured("loss", true)],
    best_cells: [[1, 1]],
    differences: ["rounds"],
    ...traits,
  };
  const model: Model = {
    get: (name) => all[name],
    on: (event, listener) => void listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)),
    off: (event, listener) => void listeners.get(event)?.delete(listener),
    send: () => {},
  };
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  const receive = (news: Record<string, unknown>): void => {
    Object.assign(all, news);
    for (const name of Object.keys(news))
      for (const listener of listeners.get(`change:${name}`) ?? []) listener(undefined);
  };
  const choice = el.querySelector("select") as HTMLSelectElement;
  return { el, close, receive, choice, listeners };
}

beforeEach(() => {
  // There is no canvas here.
  vi.stubGlobal(
    "Path2D",
    class {
      moveTo(): void {}
      lineTo(): void {}
      rect(): void {}
    },
  );
  const context = new Proxy({} as Record<string, unknown>, {
    get: (kept, name: string) => kept[name] ?? (() => (name === "measureText" ? { width: 10 } : undefined)),
  });
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
});
afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

it("the best cell of a column is marked", () => {
  const { el, receive } = open();
  const marked = (): (string | null)[] => [...el.querySelectorAll("td strong")].map(({ textContent }) => textContent);
  expect(marked()).toEqual(["✓ FINISHED:COMPLETED"]);
  receive({ best_cells: [[9, 9], "x", [0, 1]] });
  expect(marked()).toEqual(["● RUNNING"]);
});

describe("the comparison", () => {
  it("has a row per job in the style of its line", () => {
    const { el } = open();
    const rows = [...el.querySelectorAll("tbody tr")];
    expect(rows.map((row) => row.textContent?.trim())).toEqual(["job-0● RUNNING", "job-1✓ FINISHED:COMPLETED"]);
    expect(rows[1]?.querySelector(".flw-swatch.flw-series-1")).not.toBeNull();
    expect(el.querySelector(".flw-legend")?.textContent).toContain("job-1");
    expect(el.textContent).toContain("Differences: rounds");
  });

  it("draws and labels the chosen metric", () => {
    const { el, choice } = open();
    const label = (): string | null | undefined => el.querySelector("[role=slider]")?.getAttribute("aria-label");
    expect(label()).toBe("accuracy of each job by round");
    choice.value = "loss";
    choice.dispatchEvent(new Event("change"));
    expect(label()).toMatch(/^loss of/u);
    expect(el.textContent).toContain("by round (lower is better)");
  });

  it("keeps the choice on updates", () => {
    const { el, choice, receive } = open();
    choice.value = "loss";
    choice.dispatchEvent(new Event("change"));
    receive({ metrics: [measured("f1"), measured("accuracy"), measured("loss", true)] });
    expect(choice.value).toBe("loss");
    expect(el.querySelector("[role=slider]")?.getAttribute("aria-label")).toMatch(/^loss of/u);
  });

  it("explains missing metrics", () => {
    const { el, receive } = open({ metrics: [] });
    expect(el.textContent).toContain("No metrics yet.");
    expect(el.querySelector<HTMLElement>(".flw-chart")?.hidden).toBe(true);
    receive({ jobs: [{ label: "job-0", problem: "no metrics: your role may not" }] });
    expect(el.textContent).toContain("job-0: no metrics: your role may not");
    expect(el.textContent).not.toContain("No metrics yet.");
  });

  it("cleans up on dispose", () => {
    const { close, listeners, el } = open();
    close();
    expect([...listeners.values()].every(({ size }) => size === 0)).toBe(true);
    expect(el.children).toHaveLength(0);
  });
});

describe("readMetrics", () => {
  it.each([null, 5, "x", [null], [{ lines: [5, [["1", 2], [1, Number.NaN], null]], best: "no", name: {} }]])(
    "lets %j do no harm",
    (value) => {
      for (const { name, lines, best } of readMetrics(value)) {
        expect(name).toBe("");
        expect(lines.flat()).toEqual([]);
        expect(best).toBeNull();
      }
    },
  );
});
