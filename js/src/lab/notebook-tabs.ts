/** Opens views of notebooks in tabs: the extension's half of core/open-in-tab.ts. */
import { CAN_OPEN, CHANGED, OPEN, readTabRequest } from "../core/open-in-tab";
import type { Link } from "./link";
import { readFacts } from "./sidebar/view-model";
import { readTabArgs, type TabArgs } from "./tab-content";

/** What a notebook may open: views that only look. */
const KINDS: ReadonlySet<string> = new Set(["jobs", "job", "system", "compare", "results"]);

/** Answer the views of notebooks whose session the sidebar has, too; the returned function ends that. */
export function serveNotebooks(link: Link, open: (args: TabArgs) => void): () => void {
  /** Return the tab for a request; undefined if no session fits. */
  function find(event: Event): TabArgs | undefined {
    const request = readTabRequest(event instanceof CustomEvent ? event.detail : null);
    const session = request && readFacts(link.facts).sessions.find(({ key }) => key === request.session);
    if (!session || !KINDS.has(request.kind)) return undefined;
    return readTabArgs({ ...request.args, kind: request.kind, session: session.name });
  }
  const answer = (event: Event): void => {
    if (find(event)) event.preventDefault();
  };
  const handleOpen = (event: Event): void => {
    const args = find(event);
    if (!args) return;
    event.preventDefault();
    open(args);
  };
  let known = "";
  const tell = (): void => {
    const keys = readFacts(link.facts)
      .sessions.map(({ key }) => key)
      .join();
    if (keys === known) return;
    known = keys;
    dispatchEvent(new Event(CHANGED));
  };
  addEventListener(CAN_OPEN, answer);
  addEventListener(OPEN, handleOpen);
  const stop = link.onFacts(tell);
  tell();
  return () => {
    removeEventListener(CAN_OPEN, answer);
    removeEventListener(OPEN, handleOpen);
    stop();
  };
}
