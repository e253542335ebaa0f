import { expect, it } from "vitest";
import type { SiteDeployment } from "../view-model";
import { MAX_CHIPS, selectChips } from "./sites";

const site = (name: string, state: SiteDeployment["state"] = "deployed"): SiteDeployment => ({
  name,
  state,
  detail: "",
});

it("shows few sites in their order", () => {
  const few = [site("server"), site("a", "failed"), site("b")];
  expect(selectChips(few)).toEqual({ shown: few, rest: "" });
});

it("shows failures first and counts the rest", () => {
  const many = [
    ...Array.from({ length: 100 }, (_, i) => site(`site-${i}`)),
    site("late", "waiting"),
    site("broken", "failed"),
  ];
  const { shown, rest } = selectChips(many);
  expect(shown).toHaveLength(MAX_CHIPS);
  expect(shown.slice(0, 3).map(({ name }) => name)).toEqual(["broken", "late", "site-0"]);
  expect(rest).toBe("and 78 more: 78 deployed");
});
