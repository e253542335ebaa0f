import { expect, it } from "vitest";
import { readLiveText, severityAt, textAt } from "./live-text";

const STATE = readLiveText([
  { text: ["connected"], severity: "good" },
  { text: ["silent for ", ""], moment: 100, severity: "bad", after: 125 },
]);

it("counts from a moment, and changes after another", () => {
  expect([textAt(STATE, 125), severityAt(STATE, 125)]).toEqual(["connected", "good"]);
  expect([textAt(STATE, 125.5), severityAt(STATE, 125.5)]).toEqual(["silent for 25 s", "bad"]);
  expect(textAt(STATE, 100 + 7300)).toBe("silent for 2 h 1 min");
});

it("counts like a clock, and down", () => {
  const left = readLiveText([
    { text: ["about ", " left"], moment: 100, is_countdown: true },
    { text: [""], after: 99 },
  ]);
  expect([20, 98.5, 99.5].map((now) => textAt(left, now))).toEqual(["about 1 min 20 s left", "about 1 s left", ""]);
});

it("never counts below zero", () => {
  expect(textAt(readLiveText([{ text: ["", " ago"], moment: 100 }]), 0)).toBe("0 s ago");
});

it.each([null, 5, "x", [], [null], [{ text: 5 }], [{ text: [null, {}], moment: "x", after: {} }]])(
  "reads %j as no text",
  (nonsense) => expect(textAt(readLiveText(nonsense), 1)).toBe(""),
);
