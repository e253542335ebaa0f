/** A cell that connects the kernel as the sidebar is connected: inserted, never run. */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import type { INotebookTracker } from "@jupyterlab/notebook";
import { MimeData } from "@lumino/coreutils";
import { Drag } from "@lumino/dragdrop";
import { copyText } from "../core/copy";
import { asRecord, asText } from "../core/validate";
import { COMMANDS } from "./commands";
import type { Link } from "./link";
import { wordsOf } from "./tab-content";

const MAX_SOURCE_CHARS = 2000;
const LOAD_EXTENSION = "%load_ext flare_widgets";
const CELLS_MIME = "application/vnd.jupyter.cells";
const DRAG_START_PX = 5;

/** Return the source of a cell without the line that a notebook already has. */
export function withoutKnownLines(source: string, cells: readonly string[]): string {
  const isLoaded = cells.some((cell) => cell.split("\n").some((line) => line.trim() === LOAD_EXTENSION));
  return isLoaded
    ? source
        .split("\n")
        .filter((line) => line.trim() !== LOAD_EXTENSION)
        .join("\n")
        .trim()
    : source;
}

/** Ask the server for the source of a cell that connects, for a notebook at a path. */
async function readSource(link: Link, session: unknown, path: string | null): Promise<string> {
  const value = await link.ask("connect_cell", { session: asText(session) || null, path });
  // Line breaks are the only control characters that a source has.
  return String(asRecord(value)["source"] ?? "")
    .split("\n")
    .map((line) => asText(line, MAX_SOURCE_CHARS))
    .join("\n");
}

export function addCellCommands(app: JupyterFrontEnd, link: Link, notebooks: INotebookTracker | null): void {
  async function insert(session: unknown): Promise<void> {
    const panel = notebooks?.currentWidget;
    const shared = panel?.content.model?.sharedModel;
    if (!panel || !shared) {
      await copy(session, "No notebook is open.");
      return;
    }
    const source = withoutKnownLines(
      await readSource(link, session, panel.context.path),
      shared.cells.map((cell) => cell.getSource()),
    );
    const index = panel.content.activeCellIndex + 1;
    shared.insertCell(index, { cell_type: "code", source, metadata: {}, outputs: [] });
    app.shell.activateById(panel.id);
    panel.content.activeCellIndex = index;
  }

  async function copy(session: unknown, why = ""): Promise<void> {
    const copied = await copyText(await readSource(link, session, null));
    const words = copied ? "The code that connects was copied." : "The browser does not let this page copy.";
    Notification.emit([why, words].filter(Boolean).join(" "), copied ? "info" : "warning", { autoClose: 5000 });
  }

  const telling = (action: (session: unknown) => Promise<void>) => async (args: Record<string, unknown>) => {
    try {
      await action(args["session"]);
    } catch (error) {
      Notification.emit(wordsOf(error), "error");
    }
  };
  app.commands.addCommand(COMMANDS.insertCell, {
    label: (args) => (args["session"] ? "Insert a Cell That Connects" : "Insert a Cell That Connects to FLARE"),
    caption: "Insert a cell below the active one; it is not run",
    execute: telling(insert),
  });
  app.commands.addCommand(COMMANDS.copyCode, { label: "Copy as Code", execute: telling((session) => copy(session)) });
}

/** Let the reader drag a session into a notebook, where a cell that connects appears. */
export function enableDragging(root: HTMLElement, link: Link): void {
  root.addEventListener("mousedown", (event) => {
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-session]") : null;
    const session = row?.dataset["session"];
    if (event.button !== 0 || !row || session === undefined) return;
    let source: string | undefined;
    void readSource(link, session, null).then(
      (text) => {
        source = text;
      },
      () => {},
    );
    const stop = (): void => {
      removeEventListener("mousemove", move, true);
      removeEventListener("mouseup", stop, true);
    };
    const move = (at: MouseEvent): void => {
      if (source === undefined || Math.hypot(at.clientX - event.clientX, at.clientY - event.clientY) < DRAG_START_PX)
        return;
      stop();
      const mimeData = new MimeData();
      mimeData.setData(CELLS_MIME, [{ cell_type: "code", source, metadata: {}, outputs: [], execution_count: null }]);
      mimeData.setData("text/plain", source);
      const dragImage = row.cloneNode(true) as HTMLElement;
      dragImage.classList.add("flw-lab-dragged");
      const drag = new Drag({ mimeData, dragImage, proposedAction: "copy", supportedActions: "copy", source: row });
      void drag.start(at.clientX, at.clientY);
    };
    addEventListener("mousemove", move, true);
    addEventListener("mouseup", stop, true);
  });
}
