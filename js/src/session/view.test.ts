/** Drawing of sessions: the texts are the kernel's. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import written from "../../fixtures/session.json";
import { FakeModel } from "../core/fake-model";
import sessionWidget from "./index";

const T = 1795442615;

function open(sessions: unknown, traits: Record<string, unknown> = {}) {
  vi.setSystemTime(T * 1000);
  const model = new FakeModel({
    sessions,
    current: "",
    can_switch: false,
    actions: {},
    label: "",
    sent_at: T,
    ...traits,
  });
  const el = document.createElement("div");
  document.body.append(el);
  sessionWidget().render({ model, el });
  const texts = (selector: string): string[] =>
    [...el.querySelectorAll<HTMLElement>(selector)]
      .filter((element) => !element.closest("[hidden]"))
      .map(({ textContent }) => textContent ?? "");
  return { model, el, texts };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

it("is one line without a button", () => {
  const { texts, el } = open([written.ready]);
  expect(texts(".flw-session-line > *")).toEqual([
    ...["ann@h.org", "lead, h", "→ server:8002", "study heart"],
    ...["● ready for 12 s", "the certificate expires in 12 days"],
  ]);
  expect(texts("button")).toEqual([]);
  expect(el.querySelector<HTMLElement>(".flw-session-row")?.dataset["severity"]).toBe("good");
});

it("counts without messages, also over the days of a certificate", () => {
  const { texts } = open([written.ready]);
  vi.advanceTimersByTime(1000);
  expect(texts(".flw-session-state")).toEqual(["● ready for 13 s"]);
  vi.setSystemTime((T + 11.5 * 86_400) * 1000);
  vi.advanceTimersByTime(500);
  expect(texts(".flw-session-warning")).toEqual([
    "the certificate expires today: ask the project admin for a new startup kit",
  ]);
});

it("announces another state", () => {
  const { texts, model } = open([written.ready]);
  model.receive({ sessions: [{ ...written.reconnecting, name: "ready" }] });
  expect(texts(".flw-session-state")).toEqual(["! reconnecting for 12 s"]);
  expect(texts("[role=status]")[0]).toBe("ready: reconnecting");
  expect(texts(".flw-banner li")).toEqual(["!no connection to server:8002, trying again: the connection was reset"]);
});

it("offers to use any other session that is not closed", () => {
  const { model, texts, el } = open(Object.values(written), { can_switch: true, current: "ready" });
  expect(texts(".flw-session-current .flw-session-name")).toEqual(["ready"]);
  const buttons = [...el.querySelectorAll<HTMLElement>(".flw-session-use")].filter((one) => !one.closest("[hidden]"));
  expect(buttons.map((one) => one.getAttribute("aria-label"))).toEqual(["Use ready", "Use reconnecting"]);
  model.sent.length = 0;
  buttons[1]?.click();
  expect(model.sent).toEqual([{ kind: "use", name: "reconnecting" }]);
});

it.each([null, 5, [null], [{ name: 5, state_text: "x", certificate: [5] }]])("survives %j", (sessions) => {
  expect(() => open(sessions)).not.toThrow();
});
