/** The chosen job folder: its files, its deployment and its problems. */
import { h, setText, setVisible, whenChanged } from "../../core/dom";
import { destinationText, formatSize, type Job } from "../view-model";

export interface ChosenJob {
  readonly element: HTMLElement;
  draw(job: Job | null): void;
  focus(): void;
}

export interface ChosenJobOptions {
  readonly recheck: () => void;
  readonly back: () => void;
  readonly announce: (message: string) => void;
}

export function createChosenJob({ recheck, back, announce }: ChosenJobOptions): ChosenJob {
  const name = h("strong", { class: "flw-name" });
  const path = h("span", { class: "flw-id" });
  const otherButton = h("button", { class: "flw-button", type: "button" }, "Choose another folder");
  const recheckButton = h("button", { class: "flw-button", type: "button" }, "Re-check");
  const total = h("span");
  const summary = document.createElement("summary");
  summary.append(total);
  const files = h("ul", { class: "flw-files", role: "list" });
  const details = document.createElement("details");
  details.append(summary, files);
  const plan = h("ul", { class: "flw-plan", role: "list", "aria-label": "where it goes" });
  const problems = h("ul", { class: "flw-problems", role: "list", "aria-label": "problems" });
  const element = h(
    "div",
    { class: "flw-chosen", role: "group", "aria-label": "chosen job folder" },
    h(
      "div",
      { class: "flw-chosen-head" },
      name,
      path,
      h("span", { class: "flw-chosen-buttons" }, recheckButton, otherButton),
    ),
    details,
    plan,
    problems,
  );
  otherButton.addEventListener("click", back);
  recheckButton.addEventListener("click", recheck);

  const draw = whenChanged((job: Job | null) => {
    setVisible(element, job !== null);
    if (!job) return;
    setText(name, job.name || "job");
    setText(path, job.path);
    setVisible(details, job.fileCount > 0);
    setText(total, `${job.fileCount} ${job.fileCount === 1 ? "file" : "files"}, ${formatSize(job.totalSize)}`);
    const rest = job.fileCount - job.files.length;
    files.replaceChildren(
      ...job.files.map((file) => h("li", {}, h("span", {}, file.name), h("span", {}, formatSize(file.size)))),
      ...(rest > 0 ? [h("li", {}, `and ${rest} more`)] : []),
    );
    plan.replaceChildren(
      ...job.apps.map((app) =>
        h(
          "li",
          {},
          "App ",
          h("strong", {}, app.name),
          ` → ${destinationText(app)}${app.hasCustomCode ? "; contains custom code" : ""}`,
        ),
      ),
      ...(job.minClients === null
        ? []
        : [h("li", {}, `Requires at least ${job.minClients} ${job.minClients === 1 ? "site" : "sites"}`)]),
    );
    setVisible(plan, plan.childElementCount > 0);
    problems.replaceChildren(
      ...job.problems.map((problem) =>
        h(
          "li",
          { class: `flw-problem-${problem.severity}` },
          h("span", { class: "flw-glyph", "aria-hidden": "true" }, problem.severity === "error" ? "✕" : "!"),
          h("span", {}, h("span", { class: "flw-spoken" }, `${problem.severity}: `), problem.message),
        ),
      ),
    );
    setVisible(problems, job.problems.length > 0);
    announce(verdictText(job));
  });

  return { element, draw, focus: () => otherButton.focus({ preventScroll: true }) };
}

function verdictText(job: Job): string {
  const errors = job.problems.filter(({ severity }) => severity === "error").length;
  const found = errors
    ? `${errors} ${errors === 1 ? "error" : "errors"}`
    : job.problems.length
      ? "warnings"
      : "no problems";
  return `${job.name}: ${job.fileCount} files, ${formatSize(job.totalSize)}, ${found}`;
}
