import { expect, it, vi } from "vitest";
import { TypedModel } from "./anywidget-model";
import { FakeModel } from "./fake-model";
import { asNumber, asText } from "./validate";

const open = (traits: Record<string, unknown>) => {
  const model = new FakeModel(traits);
  const readText = vi.fn((value: unknown) => asText(value));
  return {
    model,
    readText,
    typed: new TypedModel<{ name: string; round: number | null }>(model, { name: readText, round: asNumber }),
  };
};

it("validates hostile values", () => {
  const { typed } = open({ name: "a\u202e", round: "7" });
  expect(typed.get("name")).toBe("a\uFFFD");
  expect(typed.get("round")).toBeNull();
});

it("validates a value once until it changes", () => {
  const { model, typed, readText } = open({ name: "a" });
  expect([typed.get("name"), typed.get("name")]).toEqual(["a", "a"]);
  expect(readText).toHaveBeenCalledTimes(1);
  model.receive({ name: "b" });
  expect(typed.get("name")).toBe("b");
});

it("rejects a misspelled trait", () => {
  const { typed } = open({});
  // @ts-expect-error: no such trait, which is what the type checker has to notice
  expect(() => typed.get("nmae")).toThrow();
  // @ts-expect-error: likewise
  typed.onChange(["nmae"], () => {})();
});

it("stops listening when told so", () => {
  const { model, typed } = open({ name: "a" });
  const changed = vi.fn();
  const stop = typed.onChange(["name", "round"], changed);
  model.receive({ name: "b", round: 2 });
  stop();
  model.receive({ name: "c" });
  expect(changed).toHaveBeenCalledTimes(2);
  expect(model.listening).toBe(0);
});
