/** The files of a result as a tree: folders that open, sizes, the content of small JSON files. */
import { createCollapsible } from "../../core/collapsible";
import { h, whenChanged } from "../../core/dom";
import type { FileNode, FolderNode } from "../view-model";
import type { FileActionBars } from "./file-actions";

export interface Files {
  readonly element: HTMLElement;
  draw(tree: FolderNode): void;
}

/** @param openSections the open state of each folder and file by its path */
export function createFiles(openSections: Map<string, boolean>, actions: FileActionBars): Files {
  const element = h("div", { class: "flw-tree" });

  function createFolder(folder: FolderNode, path: string): HTMLElement[] {
    return [
      ...folder.folders.map((below) => createBranch(below, `${path}${below.name}/`)),
      ...folder.files.map((file) => createFile(file, `${path}${file.name}`)),
    ];
  }

  function createBranch(folder: FolderNode, path: string): HTMLElement {
    const open = (): void => fold.body.replaceChildren(...createFolder(folder, path));
    const fold = createCollapsible(path, openSections, open);
    fold.setTitle(`${folder.name}/`);
    fold.element.classList.add("flw-branch");
    fold.element.firstElementChild?.append(h("span", { class: "flw-aside" }, folder.summary));
    if (fold.isOpen) open();
    return fold.element;
  }

  function createFile(file: FileNode, path: string): HTMLElement {
    const facts = h("span", { class: "flw-aside" }, [file.size, file.kind].filter(Boolean).join(", "));
    if (file.text) {
      const open = (): void =>
        fold.body.replaceChildren(h("pre", { class: "flw-load flw-unfolded", tabindex: "0" }, file.text));
      const fold = createCollapsible(path, openSections, open);
      fold.setTitle(file.name);
      fold.element.classList.add("flw-branch");
      fold.element.firstElementChild?.append(facts);
      if (fold.isOpen) open();
      return fold.element;
    }
    const row = h("div", { class: "flw-file" }, h("span", { class: "flw-file-name" }, file.name), facts);
    if (file.action) row.append(actions.place(file.action));
    return row;
  }

  return {
    element,
    draw: whenChanged((tree: FolderNode) => {
      element.replaceChildren(...createFolder(tree, "files/"));
    }),
  };
}
