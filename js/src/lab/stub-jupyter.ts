/** A stub of JupyterLab's packages, for tests of what is decided beside them. */

export class Widget {
  readonly node: HTMLElement;
  isDisposed = false;
  constructor({ node }: { node?: HTMLElement } = {}) {
    this.node = node ?? document.createElement("div");
  }
  dispose(): void {
    this.isDisposed = true;
  }
}

interface Emitted {
  readonly message: string;
  readonly type: string;
  readonly actions: readonly { readonly label: string; readonly callback: () => void }[];
}

export const emitted: Emitted[] = [];
export const Notification = {
  emit(message: string, type: string, { actions = [] }: Partial<Emitted> = {}): string {
    emitted.push({ message, type, actions });
    return "";
  },
};

export class MimeData {
  readonly data = new Map<string, unknown>();
  setData(mime: string, data: unknown): void {
    this.data.set(mime, data);
  }
}

/** What was dragged, by its types. */
export const dragged: MimeData[] = [];
export class Drag {
  constructor(readonly options: { readonly mimeData: MimeData }) {}
  async start(): Promise<string> {
    dragged.push(this.options.mimeData);
    return "copy";
  }
}
