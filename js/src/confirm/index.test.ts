import { afterEach, expect, it, vi } from "vitest";
import { FakeModel } from "../core/fake-model";
import widget from "./index";

function open(question = "Delete hello, for good?") {
  const model = Object.assign(new FakeModel({ question, confirm_label: "Delete job", cancel_label: "Cancel" }), {
    widget_manager: { kernel: { status: "busy", connectionStatus: "connected" } },
  });
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  const [yes, no] = [...el.querySelectorAll("button")] as [HTMLButtonElement, HTMLButtonElement];
  return {
    model,
    el,
    yes,
    no,
    close,
    answers: () => model.sent.filter((one) => (one as { kind: string }).kind === "answer"),
  };
}

afterEach(() => document.body.replaceChildren());

it("acknowledges at once and focuses the safe button", async () => {
  const { model, el, no } = open();
  expect(model.sent).toEqual([expect.objectContaining({ kind: "clock" })]);
  expect(el.querySelector('[role="group"]')?.getAttribute("aria-label")).toBe("Delete hello, for good?");
  await vi.waitFor(() => expect(document.activeElement).toBe(no));
});

it.each([
  ["yes", true],
  ["no", false],
] as const)("sends %s, once", (which, agreed) => {
  const view = open();
  view[which].click();
  view.yes.click();
  view.no.click();
  expect(view.answers()).toEqual([{ kind: "answer", is_confirmed: agreed }]);
});

it("cancels on Escape and keeps keys from the notebook", () => {
  const { el, no, answers } = open();
  const outside = vi.fn();
  el.addEventListener("keydown", outside);
  no.dispatchEvent(new KeyboardEvent("keydown", { key: "d", bubbles: true }));
  expect(answers()).toEqual([]);
  no.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  expect(answers()).toEqual([{ kind: "answer", is_confirmed: false }]);
  expect(outside).not.toHaveBeenCalled();
});

it("is disabled when the kernel has ended", () => {
  const { model, yes, no, answers } = open();
  model.widget_manager.kernel.status = "dead";
  model.fire("comm_live_update");
  expect([yes.disabled, no.disabled]).toEqual([true, true]);
  yes.click();
  expect(answers()).toEqual([]);
});

it("shows a hostile question as text and cleans up", () => {
  const { model, el, close } = open("<img src=x onerror=alert(1)>\u202e");
  expect(el.querySelector("img")).toBeNull();
  expect(el.textContent).toContain("<img src=x onerror=alert(1)>");
  expect(el.textContent).not.toContain("\u202e");
  close();
  expect(model.listening).toBe(0);
});
