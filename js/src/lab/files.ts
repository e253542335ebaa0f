/** The commands of the file browser's menu: they take the folder that is selected there. */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import type { IFileBrowserFactory } from "@jupyterlab/filebrowser";
import { COMMANDS } from "./commands";

/** The commands of lab-schema/files.json, and what each does with the folder. */
const ACTIONS = [
  ["flare-widgets:files-submit", "Submit as Job…", COMMANDS.openSubmit],
  ["flare-widgets:files-check-job", "Check Job Folder", COMMANDS.checkJob],
  ["flare-widgets:files-check-kit", "Check Startup Kit", COMMANDS.checkKit],
  ["flare-widgets:files-connect", "Connect With This Kit", COMMANDS.connectFolder],
] as const;

export function addFileCommands(app: JupyterFrontEnd, files: IFileBrowserFactory): void {
  const { contents } = app.serviceManager;
  for (const [id, label, command] of ACTIONS) {
    app.commands.addCommand(id, {
      label,
      execute: () => {
        const [selected] = files.tracker.currentWidget?.selectedItems() ?? [];
        if (!selected) return undefined;
        if (contents.driveName(selected.path)) {
          Notification.emit("This folder is not on the Jupyter server's disk.", "warning");
          return undefined;
        }
        return app.commands.execute(command, { folder: contents.localPath(selected.path) });
      },
    });
  }
}
