/** The names of the commands: whatever a button of the sidebar does can have a shortcut, and can be scripted. */
export const COMMANDS = {
  open: "flare-widgets:open",
  openJobs: "flare-widgets:open-jobs",
  openSystem: "flare-widgets:open-system",
  openSubmit: "flare-widgets:open-submit",
  openJob: "flare-widgets:open-job",
  layout: "flare-widgets:open-layout",
  connect: "flare-widgets:connect",
  connectFolder: "flare-widgets:connect-folder",
  use: "flare-widgets:use-session",
  logOut: "flare-widgets:log-out",
  changeStudy: "flare-widgets:change-study",
  checkKit: "flare-widgets:check-kit",
  checkJob: "flare-widgets:check-job",
  submitFolder: "flare-widgets:submit-folder",
  insertCell: "flare-widgets:insert-connect-cell",
  copyCode: "flare-widgets:copy-connect-code",
  sessionMenu: "flare-widgets:session-menu",
  refresh: "flare-widgets:refresh",
  showSidebar: "flare-widgets:show-sidebar",
  startLocal: "flare-widgets:start-local",
  stopLocal: "flare-widgets:stop-local",
  openLesson: "flare-widgets:open-lesson",
  openSettings: "flare-widgets:open-settings",
} as const;

export type Run = (command: (typeof COMMANDS)[keyof typeof COMMANDS], args?: Record<string, unknown>) => void;
