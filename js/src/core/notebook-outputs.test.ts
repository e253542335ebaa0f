/** The static form in a notebook whose page was loaded anew. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeModel } from "./fake-model";
import { HOST_DELAY_MS, keepStaticForm } from "./notebook-outputs";

const markedAs = (renewal: number, id = "ab12"): string =>
  `<style class="flw-kept-${id}" data-renewal="${renewal}"></style>\n<p>round ${renewal}</p>`;
const outputOf = (html: string | string[]) => ({
  output_type: "display_data",
  data: { "text/html": html },
  metadata: { a: 1 },
});

class Area {
  constructor(readonly outputs: unknown[]) {}
  get length(): number {
    return this.outputs.length;
  }
  get(index: number) {
    return { toJSON: () => this.outputs[index] };
  }
  set(index: number, output: unknown): void {
    this.outputs[index] = output;
  }
}

function open(renewal: number, areas: readonly Area[]) {
  const model = new FakeModel({ static_id: "ab12", renewal });
  const cells = [{}, ...areas.map((outputs) => ({ outputs }))];
  return Object.assign(model, { widget_manager: { context: { model: { cells } } } });
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("is renewed by the view where JupyterLab does not", () => {
  const area = new Area([outputOf("<p>live</p>"), outputOf([markedAs(3)]), outputOf(markedAs(0, "cd34"))]);
  const model = open(3, [area]);
  keepStaticForm(model);
  vi.advanceTimersByTime(HOST_DELAY_MS);
  expect(model.sent).toEqual([]);
  model.receive({ renewal: 5 });
  model.receive({ renewal: 6 });
  expect(model.sent).toEqual([]);
  vi.advanceTimersByTime(HOST_DELAY_MS);
  expect(model.sent).toEqual([{ kind: "static_form" }]);
  const data = { "text/html": markedAs(6), "text/plain": "round 6" };
  model.fire("msg:custom", { kind: "static_form", data, renewal: 6 });
  expect(area.outputs).toEqual([
    outputOf("<p>live</p>"),
    { output_type: "display_data", data, metadata: { a: 1 } },
    outputOf(markedAs(0, "cd34")),
  ]);
  model.fire("msg:custom", { kind: "static_form", data: {}, renewal: 6 });
  expect(area.outputs[1]).toMatchObject({ data });
});

it("is left to JupyterLab while that renews it", () => {
  const area = new Area([outputOf(markedAs(1))]);
  const model = open(1, [area]);
  keepStaticForm(model);
  model.receive({ renewal: 2 });
  area.set(0, outputOf(markedAs(2)));
  vi.advanceTimersByTime(HOST_DELAY_MS);
  expect(model.sent).toEqual([]);
});

it("is caught up with when the page missed renewals", () => {
  const model = open(9, [new Area([outputOf(markedAs(2))])]);
  keepStaticForm(model);
  vi.advanceTimersByTime(HOST_DELAY_MS);
  expect(model.sent).toEqual([{ kind: "static_form" }]);
});

it("is not looked for once the view is gone, nor where there is no notebook", () => {
  const model = open(9, [new Area([outputOf(markedAs(2))])]);
  keepStaticForm(model)();
  const elsewhere = new FakeModel({ static_id: "ab12", renewal: 9 });
  keepStaticForm(elsewhere);
  vi.advanceTimersByTime(2 * HOST_DELAY_MS);
  expect([...model.sent, ...elsewhere.sent]).toEqual([]);
  expect(model.listening).toBe(0);
});
