/** The view of a result, drawn from what Python sends. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeModel, FakePlace } from "../core/fake-model";
import { stubCanvas } from "../core/stub-canvas";
import resultsWidget from "./index";

const HOSTILE = "<img src=x onerror=alert(1)><script>x()</script>\u202e\u001b[2J";
const table = (title: string, best: number, shades: unknown = [0, 100]) => ({
  title,
  corner: "model",
  headings: ["site-1", "site-2"],
  rows: [{ name: "server", cells: ["0.1", "0.2"], best: [best], shades }],
  rest: "",
});

function traits(text = "text"): Record<string, unknown> {
  return {
    heading: { name: `job ${text}`, job_id: "76b8d043-5f0e", place: "1 kB in results/job" },
    contents: {
      arguments: [`rate = ${text}`],
      models: [
        { name: `models/${text}.npy`, facts: "npy, 1 kB", content: "2 × 3", load_line: `numpy.load('${text}')` },
        { name: "models/big.pt", facts: "torch", action: "fetch models/big.pt", warning: text },
      ],
      histograms: [
        { feature: text, histograms: [{ label: text, low: 0, high: 10, bars: [[0, 0.5, 1, text], "x", [null]] }] },
      ],
      more_features: 2,
      tree: {
        summary: "3 files, 1 kB",
        folders: [
          { name: `notes ${text}`, summary: "1 file", files: [{ name: "a.json", text: `{\n  "a": "${text}"\n}` }] },
        ],
        files: [{ name: text, size: "5 B", kind: "log" }],
      },
    },
    metrics: [],
    hidden_metrics: "",
    evaluation: [table(`accuracy ${text}`, 0), table("loss", 1)],
    statistics: [table("all sites", 5)],
    file_actions: { actions: [], disabled_reason: "" },
  };
}

function show(content = traits()) {
  const model = new FakeModel<{ kind: string; action?: string }>(content);
  const el = document.createElement("div");
  document.body.append(el);
  const dispose = resultsWidget().render({ model, el });
  const all = (selector: string): HTMLElement[] => [...el.querySelectorAll<HTMLElement>(selector)];
  const texts = (selector: string): string[] => all(selector).map((e) => e.textContent ?? "");
  const press = (words: string): void =>
    all("button")
      .find((b) => b.textContent?.includes(words))
      ?.click();
  return { model, el, all, texts, press, dispose };
}

beforeEach(() => void stubCanvas());
afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it("the folder is shown in the file browser of a tab, and nowhere else", () => {
  const content = traits();
  const heading = { ...(content["heading"] as object), folder: "results/job" };
  const showFolder = vi.fn();
  const shown = (place: object): HTMLElement | undefined => {
    const el = document.createElement("div");
    resultsWidget().render({ model: new FakeModel({ ...content, heading }), el, ...place });
    return [...el.querySelectorAll("button")].find((b) => b.textContent === "Show in the file browser");
  };
  expect(shown({})?.hidden).toBe(true);
  const button = shown({ place: Object.assign(new FakePlace(), { showFolder }) });
  expect(button?.hidden).toBe(false);
  button?.click();
  expect(showFolder.mock.calls).toEqual([["results/job"]]);
});

describe("models", () => {
  it("have the line that loads them, to be copied, or the button that downloads them", () => {
    const { texts, all } = show();
    expect(texts(".flw-model-name")).toEqual(["models/text.npy", "models/big.pt"]);
    expect(texts(".flw-load")).toEqual(["numpy.load('text')"]);
    expect(all(".flw-load-line .flw-copy")[0]?.title).toContain("numpy.load('text')");
    expect(texts(".flw-models .flw-file-action .flw-button:not([hidden])")).toContain("Download");
  });

  it("are said to be elsewhere if there are none", () => {
    const content = traits();
    content["contents"] = { notes: ["The model stays at the sites"] };
    expect(show(content).texts(".flw-models")).toEqual([
      "There is no model in this result. The model stays at the sites.",
    ]);
  });
});

describe("files", () => {
  it("are downloaded one by one, with progress and outcome in their place", () => {
    const { model, press, texts } = show();
    press("Download");
    expect(model.sent).toContainEqual({ kind: "start", action: "fetch models/big.pt" });
    const asked = { name: "fetch models/big.pt", label: "Download", revision: 1, is_cancellable: true };
    model.receive({
      file_actions: { actions: [{ ...asked, state: "running", message: "received 5 MB", progress: 0.5 }] },
    });
    expect(texts(".flw-file-action .flw-action-line")[0]).toContain("received 5 MB");
    model.receive({ file_actions: { actions: [{ ...asked, state: "failed", message: "download failed: lost" }] } });
    expect(texts(".flw-file-action .flw-action-line")[0]).toContain("✕ download failed: lost");
  });

  it("cannot be downloaded for a reason that is told", () => {
    const { model, all, press } = show({ ...traits(), file_actions: { disabled_reason: "the job was deleted" } });
    expect(all(".flw-models .flw-button.flw-grey")[0]?.title).toBe("the job was deleted");
    press("Download");
    expect(model.sent.some(({ kind }) => kind === "start")).toBe(false);
  });

  it("are a tree whose folders open and whose JSON unfolds", () => {
    const { press, texts } = show();
    expect(texts(".flw-file")).toEqual([]);
    press("Files");
    expect(texts(".flw-file")).toEqual(["text5 B, log"]);
    press("notes text/");
    press("a.json");
    expect(texts(".flw-unfolded")).toEqual(['{\n  "a": "text"\n}']);
  });
});

describe("tabs", () => {
  it("show a table each, reached by click and by arrow keys", () => {
    const { all, texts } = show();
    const tabs = all("[role=tab]").slice(0, 2);
    expect(texts(".flw-tab-panel caption.flw-spoken")).toEqual(["accuracy text"]);
    tabs[1]?.click();
    expect(texts(".flw-tab-panel caption.flw-spoken")).toEqual(["loss"]);
    const right = new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, cancelable: true });
    tabs[1]?.dispatchEvent(right);
    expect(right.defaultPrevented).toBe(true);
    expect(texts(".flw-tab-panel caption.flw-spoken")).toEqual(["accuracy text"]);
    expect(document.activeElement?.textContent).toBe("accuracy text");
    expect(tabs.map((tab) => tab.getAttribute("aria-selected"))).toEqual(["true", "false"]);
  });

  it("are hidden if there is one table, which has its caption", () => {
    const { all } = show();
    expect(all("[role=tablist]").map((list) => list.hidden)).toEqual([false, true]);
    expect(all(".flw-tab-panel")[1]?.querySelector("caption")?.className).toBe("");
  });

  it("shade values by half of the accent at most", () => {
    const [panel] = show({ ...traits(), evaluation: [table("a", 0, [-50, 400])] }).all(".flw-tab-panel");
    const shades = [...(panel?.querySelectorAll<HTMLElement>("td") ?? [])].map((td) =>
      td.style.getPropertyValue("--flw-shade"),
    );
    expect(shades).toEqual(["0%", "50%"]);
  });
});

it("draws hostile text as text", () => {
  const { el, press } = show(traits(HOSTILE));
  press("Files");
  press("notes");
  press("a.json");
  expect(el.querySelectorAll("script, img, a, iframe")).toHaveLength(0);
  expect(el.textContent).toContain("<img src=x");
  expect(el.innerHTML).not.toMatch(/[\u202e\u001b]/);
});

it.each([
  null,
  5,
  "x",
  [null],
  { models: "x", tree: { folders: [null], files: [5] }, histograms: [{ histograms: 3 }] },
])("survives %j in place of contents", (contents) => {
  const { el, dispose } = show({ contents, heading: contents, evaluation: contents, file_actions: contents });
  expect(el.querySelector(".flw-results")).not.toBeNull();
  dispose();
  expect(el.childElementCount).toBe(0);
});
