/** The frames that the server half really sends, replayed: a test in Python checks that it still does. */
import { expect, it } from "vitest";
import transcript from "../../fixtures/lab-transcript.json";
import { Link, type OpenView, type Socket } from "./link";
import type { RemoteModel } from "./model";
import { readFacts } from "./sidebar/view-model";

type Frame = Readonly<Record<string, unknown>>;
type Step = { readonly page?: Frame; readonly server?: Frame };

const STEPS: readonly Step[] = transcript;

it("a recorded session is understood, and its requests are ours", async () => {
  const sent: Frame[] = [];
  const socket: Socket = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: (text) => void sent.push(JSON.parse(text) as Frame),
    close: () => {},
  };
  const link = new Link({ openSocket: () => socket, readStatus: async () => 200 }, "0.1.0");
  link.start();
  const answers: Promise<unknown>[] = [];
  const views: OpenView[] = [];
  const told: string[] = [];
  let model: RemoteModel | undefined;
  const rows: unknown[] = [];
  const connected: (readonly string[])[] = [];

  /** Do what makes the link send a frame. */
  function act({ op, kind, args, do: action, content }: Frame): void {
    if (op === "hello") socket.onopen?.();
    else if (op === "ask") answers.push(link.ask(String(action), args as Frame).catch((error: Error) => error.message));
    else if (op === "open")
      views.push(
        link.open(
          { kind: String(kind), args: args as Frame },
          {
            model(shown) {
              model = shown;
              shown.on("msg:custom", (message) => rows.push(message));
            },
            refused: (words) => told.push(words),
            gone: (words) => told.push(words),
          },
        ),
      );
    else if (op === "send") model?.send(content);
  }

  for (const { page, server } of STEPS) {
    if (server) {
      socket.onmessage?.({ data: JSON.stringify(server) });
      if (server["op"] === "sidebar") connected.push(readFacts(link.facts).sessions.map(({ name }) => name));
    } else if (page) {
      act(page);
      expect(sent.shift()).toEqual({ ...page, ...(page["op"] === "hello" ? { page: expect.any(String) } : {}) });
    }
  }
  expect(sent).toEqual([]);
  expect(link.state).toBe("connected");
  expect(connected).toEqual([[], ["ada@127.0.0.1"], []]);
  expect(readFacts(link.facts).kits).toMatchObject([{ name: "ada", isUsable: true, isRemembered: true }]);
  expect(await Promise.all(answers)).toMatchObject([
    null,
    { session: "ada@127.0.0.1" },
    "This startup kit is not known any more: refresh the sidebar.",
    null,
    null,
  ]);
  expect(model?.view).toBe("jobs");
  expect(model?.get("study")).toBe("default");
  expect(rows).toMatchObject([{ kind: "rows", set: [[expect.any(String), { name: "hello" }]] }]);
  expect(told).toEqual(["This job has not ended: its results are there when it has.", "The session was closed."]);
  link.dispose();
});
