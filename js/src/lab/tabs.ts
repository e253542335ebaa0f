/** The tabs: one for each object, restored with the layout of the page. */
import type { ILayoutRestorer, JupyterFrontEnd } from "@jupyterlab/application";
import { InputDialog, WidgetTracker } from "@jupyterlab/apputils";
import { TabPanel, Widget } from "@lumino/widgets";
import type { Target } from "../core/place";
import { asRecord, asText } from "../core/validate";
import { COMMANDS } from "./commands";
import { flareIcon } from "./icon";
import type { Link } from "./link";
import { readTabArgs, type TabArgs, TabContent, tabKey } from "./tab-content";
import { loadView, ViewHost } from "./view_host";

/** The command of JupyterLab's file browser; an application without one lacks it. */
const SHOW_FOLDER = "filebrowser:go-to-path";

class FlareTab extends Widget {
  readonly content: TabContent;

  constructor(
    readonly args: TabArgs,
    makeContent: (tab: FlareTab) => TabContent,
  ) {
    super();
    this.id = `flare-widgets-${tabKey(args)}`;
    this.addClass("flw-tab");
    this.addClass(`flw-tab-${args.kind}`);
    this.title.icon = flareIcon;
    this.title.closable = true;
    this.content = makeContent(this);
    this.node.append(this.content.element);
    this.node.tabIndex = -1;
    this.updateTitle();
  }

  updateTitle(): void {
    if (!this.content) return;
    const label = this.content.title;
    if (this.title.label !== label) this.title.label = label;
    const caption = [label, this.args.session].filter(Boolean).join("\n");
    if (this.title.caption !== caption) this.title.caption = caption;
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.content.dispose();
    super.dispose();
  }

  protected override onCloseRequest(): void {
    this.content.forgetChoices();
    this.dispose();
  }

  protected override onActivateRequest(): void {
    this.node.focus({ preventScroll: true });
    this.content.focus();
  }
}

export interface Tabs {
  /** Open what a target names, of the current session unless it names another. */
  open(target: { readonly kind: string } & Readonly<Record<string, unknown>>): FlareTab | undefined;
}

/** Add the commands that open tabs, and have those of the last time opened again. */
export function createTabs(app: JupyterFrontEnd, link: Link, restorer: ILayoutRestorer | null): Tabs {
  const { commands, shell } = app;
  const host = new ViewHost(link, loadView);
  const tracker = new WidgetTracker<FlareTab>({ namespace: "flare-widgets" });
  // Notebook 7 has one document a page, and shows other things below it.
  const area = app.name === "Jupyter Notebook" ? "down" : "main";

  function currentSession(): string {
    const sessions = link.facts.get("sessions");
    const current = Array.isArray(sessions) ? sessions.map(asRecord).find(({ current: is }) => is === true) : undefined;
    return asText(current?.["name"]);
  }

  function open(target: Readonly<Record<string, unknown>>): FlareTab | undefined {
    const args = readTabArgs({ ...target, session: asText(target["session"]) || currentSession() });
    if (!args) return undefined;
    const key = tabKey(args);
    const tab = tracker.find((known) => tabKey(known.args) === key) ?? create(args, asText(target["beside"]));
    const status = asText(target["status"]);
    if (status) tab.content.choose("status", status);
    // Notebook 7 shows the area, but not the tab.
    const panel = tab.parent?.parent;
    if (area === "down" && panel instanceof TabPanel) panel.currentWidget = tab;
    shell.activateById(tab.id);
    return tab;
  }

  function create(args: TabArgs, beside: string): FlareTab {
    const tab = new FlareTab(
      args,
      (self) =>
        new TabContent({
          link,
          host,
          args,
          open: ({ kind, args: more }: Target) => void open({ kind, session: args.session, ...more }),
          showFolder: commands.hasCommand(SHOW_FOLDER)
            ? (path) => void commands.execute(SHOW_FOLDER, { path })
            : undefined,
          connect: () => void commands.execute(COMMANDS.connect),
          onTitle: () => self.updateTitle(),
        }),
    );
    const mode = beside ? { mode: "split-right", ref: beside } : {};
    shell.add(tab, area, mode);
    void tracker.add(tab);
    return tab;
  }

  commands.addCommand(COMMANDS.open, {
    label: "Open a FLARE View",
    describedBy: { args: { type: "object", properties: { kind: { type: "string" }, session: { type: "string" } } } },
    execute: (args) => open(args),
  });
  const plain = [
    [COMMANDS.openJobs, "jobs", "Open FLARE Jobs", "The jobs of the federation, live"],
    [COMMANDS.openSystem, "system", "Open FLARE System", "The server and the sites of the federation, live"],
    [COMMANDS.openSubmit, "submit", "Submit a FLARE Job Folder…", "Choose a job folder, check it, and submit it"],
  ] as const;
  for (const [id, kind, label, caption] of plain) {
    const execute = (args: Record<string, unknown>): unknown => open({ ...args, kind });
    commands.addCommand(id, { label: (args) => asText(args["label"]) || label, caption, icon: flareIcon, execute });
  }
  commands.addCommand(COMMANDS.layout, {
    label: "Open the FLARE Layout",
    caption: "The jobs, and the system beside them",
    execute: () => {
      const jobs = open({ kind: "jobs" });
      if (jobs) open({ kind: "system", beside: jobs.id });
    },
  });
  commands.addCommand(COMMANDS.openResults, {
    label: (args) => asText(args["label"]) || "Open FLARE Results…",
    caption: "Models, metrics and files of the job in front, or of one that you name",
    icon: flareIcon,
    execute: async (args) => {
      const front = tracker.find((tab) => tab === shell.currentWidget)?.args;
      const job = asText(args["job"]) || front?.job || (await askForJob("Open the results of a job"));
      return job ? open({ session: front?.session, ...args, kind: "results", job }) : undefined;
    },
  });
  commands.addCommand(COMMANDS.openJob, {
    label: "Open FLARE Job…",
    caption: "Open a job by its id, or by the beginning of its id",
    execute: async () => {
      const job = await askForJob("Open a job");
      return job ? open({ kind: "job", job }) : undefined;
    },
  });
  void restorer?.restore(tracker, {
    command: COMMANDS.open,
    args: ({ args }) => ({ ...args }),
    name: ({ args }) => tabKey(args),
  });
  return { open };
}

/** Have the reader name a job; empty if none is named. */
async function askForJob(title: string): Promise<string> {
  const { button, value } = await InputDialog.getText({
    title,
    label: "The job's id, or its beginning",
    okLabel: "Open",
  });
  return button.accept ? asText(value).trim() : "";
}
