import { describe, expect, it } from "vitest";
import { type AbortFacts, abortPicture, readAbortState } from "./abort";

const IDLE: AbortFacts = {
  possible: true,
  ended: false,
  state: { state: "idle", words: "" },
  wish: { confirming: false, askedAt: null },
  now: 100,
};

describe("abortPicture", () => {
  it("offers the button", () => expect(abortPicture(IDLE).controls).toBe("button"));

  it("offers nothing when it is not possible, or the job has ended", () => {
    const asked = { ...IDLE, state: { state: "sent", words: "done" } } as const;
    for (const facts of [{ ...IDLE, possible: false }, { ...IDLE, ended: true }, { ...asked, ended: true }]) {
      expect(abortPicture(facts)).toEqual({ controls: "none", words: "", failed: false });
    }
  });

  it("asks once more", () => {
    expect(abortPicture({ ...IDLE, wish: { confirming: true, askedAt: null } }).controls).toBe("confirm");
  });

  it("says at once that it was asked, and soon that nobody answers", () => {
    const asked = { ...IDLE, wish: { confirming: false, askedAt: 100 } };
    expect(abortPicture(asked)).toEqual({ controls: "none", words: "abort requested…", failed: false });
    expect(abortPicture({ ...asked, now: 104 }).words).toMatch(/kernel does not answer yet/);
  });

  it("says what the server said", () => {
    const sent = { ...IDLE, state: { state: "sent", words: "Abort signal sent" } } as const;
    expect(abortPicture(sent)).toEqual({
      controls: "none",
      words: "abort requested: Abort signal sent",
      failed: false,
    });
  });

  it("shows a failure loudly and lets the user try again", () => {
    const failed = { ...IDLE, state: { state: "failed", words: "not authorized" } } as const;
    expect(abortPicture(failed)).toEqual({ controls: "button", words: "abort failed: not authorized", failed: true });
    expect(abortPicture({ ...failed, wish: { confirming: true, askedAt: null } }).controls).toBe("confirm");
  });
});

it.each([null, 3, {}, { state: "exploded" }])("reads %j as no wish", (nonsense) => {
  expect(readAbortState(nonsense)).toEqual({ state: "idle", words: "" });
});

it("cleans the server's words", () => {
  expect(readAbortState({ state: "failed", words: "a\u202eb\u001b" }).words).toBe("a�b�");
});
