/** The plugins of the extension, each small and with an id of its own, so that it can be disabled. */
import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { IFileBrowserFactory } from "@jupyterlab/filebrowser";
import { ILauncher } from "@jupyterlab/launcher";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ServerConnection } from "@jupyterlab/services";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStatusBar } from "@jupyterlab/statusbar";
import { Token } from "@lumino/coreutils";
import { addCellCommands, enableDragging } from "./cell";
import { COMMANDS } from "./commands";
import { addFileCommands } from "./files";
import { Link, type Socket, type Transport } from "./link";
import { serveNotebooks } from "./notebook-tabs";
import { showNotifications, type Wanted } from "./notifications";
import { addSessionCommands } from "./sessions";
import { SidebarPanel } from "./sidebar/panel";
import { StatusItem } from "./status";
import { createTabs, type Tabs } from "./tabs";

const ILink = new Token<Link>("flare-widgets:link");
const ITabs = new Token<Tabs>("flare-widgets:tabs");

const CATEGORY = "NVIDIA FLARE";
const PATH = "flare-widgets";
/** Behind the file browser and the running kernels. */
const SIDEBAR_RANK = 250;

const PALETTE = [
  COMMANDS.connect,
  COMMANDS.showSidebar,
  COMMANDS.openJobs,
  COMMANDS.openSystem,
  COMMANDS.openSubmit,
  COMMANDS.openJob,
  COMMANDS.openResults,
  COMMANDS.layout,
  COMMANDS.insertCell,
  COMMANDS.logOut,
  COMMANDS.startLocal,
  COMMANDS.stopLocal,
  COMMANDS.openLesson,
  COMMANDS.refresh,
  COMMANDS.openSettings,
];

const link: JupyterFrontEndPlugin<Link> = {
  id: "flare-widgets:link",
  description: "The connection to the half of flare-widgets that runs in the Jupyter server.",
  autoStart: true,
  provides: ILink,
  activate(app: JupyterFrontEnd) {
    const made = new Link(createTransport(app), VERSION);
    void app.restored.then(() => made.start());
    addEventListener("pagehide", (event) => {
      if (!event.persisted) made.dispose();
    });
    return made;
  },
};

const sessions: JupyterFrontEndPlugin<void> = {
  id: "flare-widgets:sessions",
  description: "Commands on sessions, startup kits and the local federation.",
  autoStart: true,
  requires: [ILink],
  optional: [IFileBrowserFactory, ICommandPalette],
  activate(app, connection: Link, browser: IFileBrowserFactory | null, palette: ICommandPalette | null) {
    addSessionCommands(app, connection, browser);
    for (const command of PALETTE) palette?.addItem({ command, category: CATEGORY });
    connection.onFacts(() => app.commands.notifyCommandChanged());
  },
};

const tabs: JupyterFrontEndPlugin<Tabs> = {
  id: "flare-widgets:tabs",
  description: "Tabs with the live views of jobs, a job, the system, a comparison, and the submit form.",
  autoStart: true,
  requires: [ILink],
  optional: [ILayoutRestorer],
  provides: ITabs,
  activate: (app, connection: Link, restorer: ILayoutRestorer | null) => createTabs(app, connection, restorer),
};

const sidebar: JupyterFrontEndPlugin<void> = {
  id: "flare-widgets:sidebar",
  description: "The sidebar: sessions, startup kits, active jobs, and sites.",
  autoStart: true,
  requires: [ILink],
  optional: [ILayoutRestorer],
  activate(app, connection: Link, restorer: ILayoutRestorer | null) {
    const panel = new SidebarPanel(app, connection);
    enableDragging(panel.node, connection);
    app.shell.add(panel, "left", { rank: SIDEBAR_RANK });
    restorer?.add(panel, panel.id);
  },
};

const status: JupyterFrontEndPlugin<void> = {
  id: "flare-widgets:status",
  description: "The active jobs in the status bar.",
  autoStart: true,
  requires: [ILink],
  optional: [IStatusBar],
  activate(app, connection: Link, bar: IStatusBar | null) {
    const item = new StatusItem(connection, () => void app.commands.execute(COMMANDS.showSidebar));
    bar?.registerStatusItem("flare-widgets:status", { item, align: "left", rank: 20 });
  },
};

const files: JupyterFrontEndPlugin<void> = {
  id: "flare-widgets:files",
  description: "Job folders and startup kits in the menu of the file browser.",
  autoStart: true,
  requires: [ILink, IFileBrowserFactory],
  activate: (app, _: Link, browser: IFileBrowserFactory) => addFileCommands(app, browser),
};

const launcher: JupyterFrontEndPlugin<void> = {
  id: "flare-widgets:launcher",
  description: "Cards in the launcher.",
  autoStart: true,
  requires: [ILink],
  optional: [ILauncher],
  activate(_, __: Link, cards: ILauncher | null) {
    const commands = [
      [COMMANDS.openJobs, "Jobs"],
      [COMMANDS.openSubmit, "Submit a job"],
      [COMMANDS.openLesson, "First lesson"],
      [COMMANDS.startLocal, "Local federation"],
    ] as const;
    commands.forEach(([command, label], rank) => {
      cards?.add({ command, category: CATEGORY, rank, args: { label } });
    });
  },
};

const notebook: JupyterFrontEndPlugin<void> = {
  id: "flare-widgets:notebook",
  description: "Cells that connect, and views of notebooks in tabs.",
  autoStart: true,
  requires: [ILink, ITabs],
  optional: [INotebookTracker],
  activate(app, connection: Link, opener: Tabs, notebooks: INotebookTracker | null) {
    addCellCommands(app, connection, notebooks);
    serveNotebooks(connection, (args) => void opener.open({ ...args }));
  },
};

const notifications: JupyterFrontEndPlugin<void> = {
  id: "flare-widgets:notifications",
  description: "Notifications when jobs end.",
  autoStart: true,
  requires: [ILink, ITabs],
  optional: [ISettingRegistry],
  activate(_, connection: Link, opener: Tabs, registry: ISettingRegistry | null) {
    let wanted: Wanted = "failed";
    const tell = (): void => {
      if (connection.state === "connected")
        void connection.ask("notifications", { wanted: wanted !== "never" }).catch(() => {});
    };
    connection.onStateChange(tell);
    showNotifications(
      connection,
      () => wanted,
      ({ kind, args }) => void opener.open({ ...args, kind }),
    );
    void registry?.load("flare-widgets:notifications").then((settings) => {
      const read = (): void => {
        const when = settings.composite["when"];
        wanted = when === "never" || when === "always" ? when : "failed";
        tell();
      };
      settings.changed.connect(read);
      read();
    });
  },
};

/** Return a websocket by the part that is used of it. */
function asSocket(websocket: WebSocket): Socket {
  const socket: Socket = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: (text) => websocket.send(text),
    close: () => websocket.close(),
  };
  websocket.onopen = () => socket.onopen?.();
  websocket.onmessage = (event) => socket.onmessage?.(event);
  websocket.onclose = (event) => socket.onclose?.(event);
  return socket;
}

/** Return the ways to the server, by the application's own settings: base URL, token, websocket class. */
function createTransport(app: JupyterFrontEnd): Transport {
  const settings = app.serviceManager.serverSettings;
  return {
    openSocket() {
      const url = new URL(`${PATH}/link`, settings.wsUrl);
      if (settings.appendToken && settings.token) url.searchParams.set("token", settings.token);
      return asSocket(new settings.WebSocket(url.href));
    },
    async readStatus() {
      try {
        const url = new URL(`${PATH}/status`, settings.baseUrl).href;
        return (await ServerConnection.makeRequest(url, {}, settings)).status;
      } catch {
        return 0;
      }
    },
  };
}

export default [link, sessions, tabs, sidebar, status, files, launcher, notebook, notifications];
