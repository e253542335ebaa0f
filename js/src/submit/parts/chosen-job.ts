/** The chosen job: what will be sent, where it goes, and what is wrong with it. */
import { h, setText, show, whenChanged } from "../../core/dom";
import { type Job, bytes, goes } from "../view-model";

export interface Chosen {
  readonly element: HTMLElement;
  draw(job: Job | null): void;
  focus(): void;
}

export interface ChosenOptions {
  readonly again: () => void;
  readonly back: () => void;
  readonly announce: (words: string) => void;
}

export function chosen({ again, back, announce }: ChosenOptions): Chosen {
  const name = h("strong", { class: "flw-name" });
  const path = h("span", { class: "flw-id" });
  const other = h("button", { class: "flw-button", type: "button" }, "Choose another");
  const look = h("button", { class: "flw-button", type: "button" }, "Look again");
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
    h("div", { class: "flw-chosen-head" }, name, path, h("span", { class: "flw-chosen-buttons" }, look, other)),
    details,
    plan,
    problems,
  );
  other.addEventListener("click", back);
  look.addEventListener("click", again);

  const draw = whenChanged((job: Job | null) => {
    show(element, job !== null);
    if (!job) return;
    setText(name, job.name || "job");
    setText(path, job.path);
    show(details, job.count > 0);
    setText(total, `${job.count} ${job.count === 1 ? "file" : "files"}, ${bytes(job.size)}`);
    const rest = job.count - job.files.length;
    files.replaceChildren(
      ...job.files.map((file) => h("li", {}, h("span", {}, file.name), h("span", {}, bytes(file.size)))),
      ...(rest > 0 ? [h("li", {}, `and ${rest} more`)] : []),
    );
    plan.replaceChildren(
      ...job.apps.map((app) =>
        h("li", {}, h("strong", {}, app.name), ` goes to ${goes(app)}${app.custom ? ", with code of its own" : ""}`),
      ),
      ...(job.minClients === null ? [] : [h("li", {}, `needs ${job.minClients} ${job.minClients === 1 ? "site" : "sites"}`)]),
    );
    show(plan, plan.childElementCount > 0);
    problems.replaceChildren(
      ...job.problems.map((problem) =>
        h(
          "li",
          { class: `flw-problem-${problem.severity}` },
          h("span", { class: "flw-glyph", "aria-hidden": "true" }, problem.severity === "error" ? "✕" : "!"),
          h("span", {}, h("span", { class: "flw-spoken" }, `${problem.severity}: `), problem.words),
        ),
      ),
    );
    show(problems, job.problems.length > 0);
    announce(verdict(job));
  });

  return { element, draw, focus: () => other.focus({ preventScroll: true }) };
}

function verdict(job: Job): string {
  const errors = job.problems.filter(({ severity }) => severity === "error").length;
  const found = errors ? `${errors} ${errors === 1 ? "error" : "errors"}` : job.problems.length ? "warnings" : "no problem";
  return `${job.name}: ${job.count} files, ${bytes(job.size)}, ${found}`;
}
