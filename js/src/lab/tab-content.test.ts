/** A tab against a link whose server the test is. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { RenderContext } from "../core/anywidget-model";
import type { Place } from "../core/place";
import type { Link, ViewListener } from "./link";
import { RemoteModel } from "./model";
import { type TabArgs, TabContent } from "./tab-content";
import { ViewHost } from "./view_host";

const JOB: TabArgs = { kind: "job", session: "ada", job: "a1", name: "hello" };

beforeEach(() => sessionStorage.clear());
afterEach(() => document.body.replaceChildren());

function open(args: TabArgs = JOB) {
  const facts = new Map<string, unknown>([["sessions", [{ name: "ada" }]]]);
  const listeners = new Set<() => void>();
  const reopen = vi.fn();
  const close = vi.fn();
  let told: ViewListener | undefined;
  const link = {
    state: "connected",
    facts,
    onStateChange: () => () => {},
    onFacts(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    open(_: unknown, listener: ViewListener) {
      told = listener;
      return { reopen, close };
    },
  } as unknown as Link;
  const views: { place: Place; disposed: boolean }[] = [];
  let initialized = 0;
  const module = () => ({
    initialize: () => {
      initialized++;
      return () => void initialized--;
    },
    render({ el, place }: RenderContext) {
      if (!place) throw new Error("no place");
      const view = { place, disposed: false };
      views.push(view);
      el.textContent = `view ${views.length}`;
      return () => {
        view.disposed = true;
      };
    },
  });
  const load = vi.fn(async (): Promise<unknown> => module);
  const opened = vi.fn();
  const onTitle = vi.fn();
  const connect = vi.fn();
  const showFolder = vi.fn();
  const host = new ViewHost(link, load);
  const content = new TabContent({ link, host, args, open: opened, showFolder, connect, onTitle });
  document.body.append(content.element);
  const setFacts = (name: string, value: unknown): void => {
    facts.set(name, value);
    for (const listener of listeners) listener();
  };
  const show = async (shown: RemoteModel): Promise<void> => {
    told?.model(shown);
    await vi.waitFor(() => expect(content.element.textContent).toContain("view"));
  };
  const tell = (): ViewListener => {
    if (!told) throw new Error("the view was not asked for");
    return told;
  };
  return {
    content,
    views,
    opened,
    connect,
    showFolder,
    load,
    reopen,
    close,
    setFacts,
    show,
    tell,
    count: () => initialized,
  };
}

const model = (id = "m1", state: Record<string, unknown> = {}): RemoteModel => {
  const made = new RemoteModel(id, "job", () => {});
  made.receive(state);
  return made;
};

it("shows the view, and disposes of it when it is closed", async () => {
  const { content, views, show, close, count } = open();
  await show(model());
  expect(count()).toBe(1);
  expect(views[0]?.place.peer).toBe("Jupyter server");
  content.dispose();
  expect(views[0]?.disposed).toBe(true);
  expect(count()).toBe(0);
  expect(close).toHaveBeenCalled();
});

it("draws the view anew for another model", async () => {
  const { content, views, show, tell } = open();
  await show(model("m1"));
  tell().model(model("m2"));
  await vi.waitFor(() => expect(content.element.textContent).toBe("view 2"));
  expect(views.map(({ disposed }) => disposed)).toEqual([true, false]);
});

it("remembers choices of the view until the tab is closed", async () => {
  const first = open();
  await first.show(model());
  first.views[0]?.place.remember?.("filter", "running");
  first.content.dispose();
  const again = open();
  await again.show(model());
  expect(again.views[0]?.place.recall?.("filter")).toBe("running");
  again.content.choose("status", "failed");
  await vi.waitFor(() => expect(again.content.element.textContent).toBe("view 2"));
  expect(again.views[1]?.place.recall?.("status")).toBe("failed");
  again.content.forgetChoices();
  const last = open();
  await last.show(model());
  expect(last.views[0]?.place.recall?.("filter")).toBeUndefined();
});

it("has the beginning of the id in its title where it knows no name", () => {
  const { content } = open({ kind: "results", session: "ada", job: "5b0f7c1e-5f0e-4c7e-9f61-0d3c5f2f8a11" });
  expect(content.title).toBe("Results 5b0f7c1e");
});

it("has the status and the round in its title", async () => {
  const { content, show, setFacts } = open();
  expect(content.title).toBe("hello");
  await show(model("m1", { view_model: { name: "hello-numpy", category: "running" } }));
  setFacts("jobs", { rows: [{ id: "a1", round: 6, rounds: 10 }] });
  expect(content.title).toBe("● hello-numpy 6/10");
});

it("names the job whose results it shows, and shows their folder in the file browser", async () => {
  const { content, views, show, showFolder } = open({ kind: "results", session: "ada", job: "a1", name: "hello" });
  expect(content.title).toBe("Results hello");
  await show(model("m1", { heading: { name: "hello-numpy" } }));
  expect(content.title).toBe("Results hello-numpy");
  views[0]?.place.showFolder?.("results/hello-a1");
  expect(showFolder.mock.calls).toEqual([["results/hello-a1"]]);
});

it("names the session where there are several", () => {
  const { content, setFacts } = open({ kind: "jobs", session: "ada" });
  expect(content.title).toBe("Jobs");
  setFacts("sessions", [{ name: "ada" }, { name: "lea" }]);
  expect(content.title).toBe("Jobs · ada");
});

it("offers to connect when its session is not there, and opens once it is", () => {
  const { content, tell, setFacts, connect, reopen } = open();
  setFacts("sessions", []);
  tell().refused("Not connected as ada.");
  expect(content.element.textContent).toBe("Not connected as ada.Connect…");
  content.element.querySelector("button")?.click();
  expect(connect).toHaveBeenCalled();
  setFacts("sessions", [{ name: "ada" }]);
  expect(reopen).toHaveBeenCalled();
});

it("offers to connect once the session of its ended view is gone", async () => {
  const { content, show, tell, setFacts } = open();
  await show(model());
  tell().gone("The session was closed.");
  expect(content.element.textContent).toContain("Open again");
  setFacts("sessions", []);
  expect(content.element.textContent).toBe("The session was closed.Connect…");
});

it("says why its view ended, and offers it again", async () => {
  const { content, views, show, tell, reopen } = open();
  await show(model());
  tell().gone("The job was deleted.");
  expect(views[0]?.disposed).toBe(true);
  expect(content.element.textContent).toBe("The job was deleted.Open again");
  content.element.querySelector("button")?.click();
  expect(reopen).toHaveBeenCalled();
});

it("says when a view cannot be loaded", async () => {
  vi.spyOn(console, "error").mockReturnValue();
  const { content, load, tell } = open();
  load.mockRejectedValueOnce(new Error("404"));
  tell().model(model());
  await vi.waitFor(() => expect(content.element.textContent).toContain("The view cannot be shown. Reload the page."));
});
