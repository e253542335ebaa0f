/** The commands on sessions, startup kits and the local federation. */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Dialog, InputDialog, Notification, showDialog } from "@jupyterlab/apputils";
import { FileDialog, type IFileBrowserFactory } from "@jupyterlab/filebrowser";
import { Menu, Widget } from "@lumino/widgets";
import { h } from "../core/dom";
import { asNumber, asRecord, asRecords, asText, type PlainObject } from "../core/validate";
import { COMMANDS } from "./commands";
import { flareIcon } from "./icon";
import type { Link } from "./link";
import { SIDEBAR_ID } from "./sidebar/panel";
import { type KitFacts, readFacts, type SidebarFacts } from "./sidebar/view-model";
import { wordsOf } from "./tab-content";

type Args = Record<string, unknown>;

const MAX_SENTENCE_CHARS = 500;

export function addSessionCommands(app: JupyterFrontEnd, link: Link, files: IFileBrowserFactory | null): void {
  const { commands } = app;
  const facts = (): SidebarFacts => readFacts(link.facts);

  /** Ask the server; say why if it refuses. */
  async function ask(action: string, args: Args = {}): Promise<boolean> {
    try {
      await link.ask(action, args);
      return true;
    } catch (error) {
      Notification.emit(wordsOf(error), "error");
      return false;
    }
  }

  async function connect({ kit, folder }: Args): Promise<void> {
    if (kit !== undefined) await ask("connect", { kit });
    else if (folder === undefined) {
      const chosen = await chooseKit(facts().kits.filter(({ isUsable }) => isUsable));
      if (chosen === "folder") await connectFolder({});
      else if (chosen) await ask("connect", { kit: chosen.id });
    } else await ask("connect", { folder });
  }

  async function connectFolder({ folder }: Args): Promise<void> {
    const chosen = asText(folder, MAX_SENTENCE_CHARS) || (await chooseFolder(files));
    if (chosen === undefined) return;
    app.shell.activateById(SIDEBAR_ID);
    await ask("connect", { folder: chosen });
  }

  async function check(action: "check_kit" | "check_job", title: string, { kit, folder }: Args): Promise<void> {
    const what = kit === undefined ? { folder: asText(folder, MAX_SENTENCE_CHARS) } : { kit };
    try {
      const { words, problems } = asRecord(await link.ask(action, what));
      await showReport(title, asText(words, MAX_SENTENCE_CHARS), asRecords(problems));
    } catch (error) {
      Notification.emit(wordsOf(error), "error");
    }
  }

  async function changeStudy({ session }: Args): Promise<void> {
    const current = facts().sessions.find(({ name }) => name === session);
    const { button, value } = await InputDialog.getText({
      title: `Change the study of ${asText(session)}`,
      label: "Study",
      text: current?.study ?? "",
      okLabel: "Change study",
    });
    if (button.accept && value) await ask("study", { session, study: value });
  }

  function openMenu({ session, x, y }: Args): void {
    const menu = new Menu({ commands });
    const name = asText(session);
    const current = facts().sessions.find((one) => one.name === name)?.isCurrent === true;
    const add = (command: string, label = ""): void => {
      menu.addItem({ command, args: { session: name, ...(label ? { label } : {}) } });
    };
    if (!current) add(COMMANDS.use);
    add(COMMANDS.openJobs, "Jobs");
    add(COMMANDS.openSystem, "System");
    add(COMMANDS.openSubmit, "Submit a Job Folder…");
    menu.addItem({ type: "separator" });
    add(COMMANDS.insertCell);
    add(COMMANDS.copyCode);
    menu.addItem({ type: "separator" });
    add(COMMANDS.changeStudy);
    add(COMMANDS.logOut);
    openAt(menu, x, y);
  }

  function openKitMenu({ kit, x, y }: Args): void {
    const known = facts().kits.find(({ id }) => id === kit);
    if (!known) return;
    const menu = new Menu({ commands });
    const args = { kit: known.id };
    if (known.isUsable) menu.addItem({ command: COMMANDS.connect, args: { ...args, label: "Connect" } });
    menu.addItem({ command: COMMANDS.checkKit, args });
    if (known.isRemembered) {
      menu.addItem({ type: "separator" });
      menu.addItem({ command: COMMANDS.forget, args });
    }
    openAt(menu, x, y);
  }

  /** Open a menu; when it closes, what had the focus, or what took its place in the sidebar, has it again. */
  function openAt(menu: Menu, x: unknown, y: unknown): void {
    const before = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    menu.aboutToClose.connect(() => {
      const key = CSS.escape(before?.dataset["key"] ?? "");
      const now = before?.isConnected
        ? before
        : document.querySelector<HTMLElement>(`#${SIDEBAR_ID} [data-key="${key}"]`);
      now?.focus({ preventScroll: true });
    });
    menu.open(asNumber(x) ?? 0, asNumber(y) ?? 0);
  }

  async function forget({ kit }: Args): Promise<void> {
    const known = facts().kits.find(({ id }) => id === kit);
    if (!known) return;
    const { button } = await showDialog({
      title: `Forget ${known.name}?`,
      body:
        "JupyterLab does not connect with this startup kit by itself any more. Its files stay. While they are in a " +
        "folder that is searched, it stays in the list.",
      buttons: [Dialog.cancelButton({ label: "Cancel" }), Dialog.okButton({ label: "Forget" })],
    });
    if (button.accept) await ask("forget", { kit: known.id });
  }

  /** Return the session of a command: the current one unless it names another. */
  const sessionOf = ({ session }: Args): string =>
    asText(session) || (facts().sessions.find(({ isCurrent }) => isCurrent)?.name ?? "");
  const hasSession = (args: Args): boolean => sessionOf(args) !== "";

  commands.addCommand(COMMANDS.connect, {
    label: (args) => asText(args["label"]) || "Connect to FLARE…",
    caption: "Connect with a startup kit",
    icon: flareIcon,
    execute: connect,
  });
  commands.addCommand(COMMANDS.connectFolder, {
    label: "Connect With This Kit",
    icon: flareIcon,
    execute: connectFolder,
  });
  commands.addCommand(COMMANDS.use, {
    label: "Make It the Current Session",
    execute: ({ session }) => ask("use", { session }),
  });
  commands.addCommand(COMMANDS.changeStudy, { label: "Change Study…", execute: changeStudy });
  commands.addCommand(COMMANDS.logOut, {
    label: (args) => (args["session"] ? "Log Out" : "Log Out of FLARE"),
    isEnabled: hasSession,
    execute: (args) => ask("close", { session: sessionOf(args) }),
  });
  commands.addCommand(COMMANDS.checkKit, {
    label: "Check Startup Kit",
    execute: (args) => check("check_kit", "Startup kit", args),
  });
  commands.addCommand(COMMANDS.checkJob, {
    label: "Check Job Folder",
    execute: (args) => check("check_job", "Job folder", args),
  });
  commands.addCommand(COMMANDS.kitMenu, { label: "Show the Menu of a Startup Kit", execute: openKitMenu });
  commands.addCommand(COMMANDS.forget, {
    label: "Forget…",
    isEnabled: () => link.permissions.mayExecute,
    execute: forget,
  });
  commands.addCommand(COMMANDS.sessionMenu, { label: "Show the Menu of a FLARE Session", execute: openMenu });
  commands.addCommand(COMMANDS.refresh, { label: "Refresh FLARE", execute: () => ask("refresh") });
  commands.addCommand(COMMANDS.showSidebar, {
    label: "Show the FLARE Sidebar",
    execute: () => app.shell.activateById(SIDEBAR_ID),
  });
  commands.addCommand(COMMANDS.startLocal, {
    label: (args) => asText(args["label"]) || "Start a Local FLARE Federation",
    caption: "A server and two sites on this machine, to learn with",
    icon: flareIcon,
    execute: () => {
      app.shell.activateById(SIDEBAR_ID);
      return ask("local_start");
    },
  });
  commands.addCommand(COMMANDS.stopLocal, {
    label: "Stop the Local FLARE Federation",
    isEnabled: () => facts().local.state === "running",
    execute: async () => {
      const { button } = await showDialog({
        title: "Stop the local federation?",
        body: "Its running jobs end, and JupyterLab logs out of it. Its jobs and results stay on the disk.",
        buttons: [Dialog.cancelButton({ label: "Cancel" }), Dialog.warnButton({ label: "Stop federation" })],
      });
      if (button.accept) await ask("local_stop");
    },
  });
  commands.addCommand(COMMANDS.openLesson, {
    label: (args) => asText(args["label"]) || "Open the First FLARE Lesson",
    icon: flareIcon,
    execute: ({ path }) => {
      const lesson = asText(path, MAX_SENTENCE_CHARS) || facts().lessons[0]?.path;
      if (lesson) return commands.execute("docmanager:open", { path: lesson });
      const words = "No lesson was found here. Lessons are in the folder `notebooks` of flare-widgets: copy it here.";
      return Notification.emit(words, "info");
    },
  });
  commands.addCommand(COMMANDS.openSettings, {
    label: "FLARE Settings",
    execute: () => commands.execute("settingeditor:open", { query: "FLARE" }),
  });
}

async function chooseKit(kits: readonly KitFacts[]): Promise<KitFacts | "folder" | undefined> {
  const other = "Another folder…";
  // Two kits may have the same name.
  const labels = kits.map(({ name, folder }) => [name, folder].filter(Boolean).join(" · "));
  if (labels.length === 0) return "folder";
  const { button, value } = await InputDialog.getItem({
    title: "Connect to NVIDIA FLARE",
    label: "Startup kit",
    items: [...labels, other],
    okLabel: "Connect",
  });
  if (!button.accept || value === null) return undefined;
  return kits[labels.indexOf(value)] ?? "folder";
}

/** Have the reader choose a folder; the result is a path of the contents API, undefined if none was chosen. */
async function chooseFolder(files: IFileBrowserFactory | null): Promise<string | undefined> {
  const manager = files?.tracker.currentWidget?.model.manager;
  if (!manager) {
    const { button, value } = await InputDialog.getText({
      title: "Connect with a startup kit",
      label: "Its folder",
      okLabel: "Connect",
    });
    return button.accept ? (value ?? undefined) : undefined;
  }
  const { value } = await FileDialog.getExistingDirectory({ manager, title: "Choose the folder of a startup kit" });
  return value?.[0]?.path;
}

async function showReport(title: string, words: string, problems: readonly PlainObject[]): Promise<void> {
  const lines = problems.map(({ severity, message }) =>
    h("li", {}, `${severity === "error" ? "✕" : "!"} ${asText(message, MAX_SENTENCE_CHARS)}`),
  );
  const list = h("ul", { class: "flw-lab-report" }, ...lines);
  const body = new Widget({ node: h("div", {}, h("p", {}, words), ...(problems.length ? [list] : [])) });
  await showDialog({ title, body, buttons: [Dialog.okButton({ label: "Close" })] });
}
