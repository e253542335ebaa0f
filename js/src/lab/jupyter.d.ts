/**
 * The part of JupyterLab that the extension uses, declared by hand: its own types are 281 packages. The application
 * provides these modules when the extension is loaded, see js/labextension.mjs.
 */

declare module "@lumino/coreutils" {
  export class Token<_T> {
    constructor(name: string);
    readonly name: string;
  }
  export class MimeData {
    setData(mime: string, data: unknown): void;
  }
}

declare module "@lumino/signaling" {
  export interface ISignal<Sender, Args> {
    connect(slot: (sender: Sender, args: Args) => void): boolean;
    disconnect(slot: (sender: Sender, args: Args) => void): boolean;
  }
}

declare module "@lumino/disposable" {
  export interface IDisposable {
    readonly isDisposed: boolean;
    dispose(): void;
  }
}

declare module "@lumino/messaging" {
  export interface Message {
    readonly type: string;
  }
}

declare module "@lumino/commands" {
  import type { LabIcon } from "@jupyterlab/ui-components";
  import type { IDisposable } from "@lumino/disposable";
  import type { ISignal } from "@lumino/signaling";
  export interface CommandOptions {
    execute(args: Record<string, unknown>): unknown;
    label?: string | ((args: Record<string, unknown>) => string);
    caption?: string;
    icon?: LabIcon | ((args: Record<string, unknown>) => LabIcon | undefined);
    isEnabled?: (args: Record<string, unknown>) => boolean;
    isVisible?: (args: Record<string, unknown>) => boolean;
    isToggled?: (args: Record<string, unknown>) => boolean;
    describedBy?: { args: unknown };
  }
  export class CommandRegistry {
    addCommand(id: string, options: CommandOptions): IDisposable;
    execute(id: string, args?: Record<string, unknown>): Promise<unknown>;
    hasCommand(id: string): boolean;
    notifyCommandChanged(id?: string): void;
    readonly commandExecuted: ISignal<CommandRegistry, { id: string }>;
  }
}

declare module "@lumino/dragdrop" {
  import type { MimeData } from "@lumino/coreutils";
  export class Drag {
    constructor(options: {
      mimeData: MimeData;
      dragImage?: HTMLElement;
      proposedAction: "copy";
      supportedActions: "copy";
      source: unknown;
    });
    start(clientX: number, clientY: number): Promise<string>;
  }
}

declare module "@lumino/widgets" {
  import type { LabIcon } from "@jupyterlab/ui-components";
  import type { CommandRegistry } from "@lumino/commands";
  import type { IDisposable } from "@lumino/disposable";
  import type { Message } from "@lumino/messaging";
  import type { ISignal } from "@lumino/signaling";
  export interface Title {
    label: string;
    caption: string;
    className: string;
    closable: boolean;
    icon: LabIcon | undefined;
  }
  export class Widget implements IDisposable {
    constructor(options?: { node?: HTMLElement });
    readonly node: HTMLElement;
    readonly title: Title;
    readonly isDisposed: boolean;
    readonly isVisible: boolean;
    readonly isAttached: boolean;
    readonly disposed: ISignal<Widget, undefined>;
    readonly parent: Widget | null;
    id: string;
    addClass(name: string): void;
    dispose(): void;
    close(): void;
    protected onAfterShow(message: Message): void;
    protected onAfterHide(message: Message): void;
    protected onAfterAttach(message: Message): void;
    protected onActivateRequest(message: Message): void;
    protected onCloseRequest(message: Message): void;
  }
  export class TabPanel extends Widget {
    currentWidget: Widget | null;
  }
  export class Menu extends Widget {
    constructor(options: { commands: CommandRegistry });
    addItem(options: { command?: string; args?: Record<string, unknown>; type?: "separator" }): unknown;
    open(x: number, y: number): void;
    readonly aboutToClose: ISignal<Menu, void>;
  }
}

declare module "@jupyterlab/ui-components" {
  export class LabIcon {
    constructor(options: { name: string; svgstr: string });
    readonly name: string;
  }
}

declare module "@jupyterlab/services" {
  import type { IDisposable } from "@lumino/disposable";
  export namespace ServerConnection {
    interface ISettings {
      readonly baseUrl: string;
      readonly wsUrl: string;
      readonly token: string;
      readonly appendToken: boolean;
      readonly WebSocket: typeof WebSocket;
    }
    function makeRequest(url: string, init: RequestInit, settings: ISettings): Promise<Response>;
  }
  export namespace Contents {
    interface IModel {
      readonly name: string;
      readonly path: string;
      readonly type: string;
    }
    interface IManager {
      localPath(path: string): string;
      driveName(path: string): string;
    }
  }
  export namespace ServiceManager {
    interface IManager {
      readonly serverSettings: ServerConnection.ISettings;
      readonly contents: Contents.IManager;
    }
  }
  export type { IDisposable };
}

declare module "@jupyterlab/application" {
  import type { IWidgetTracker } from "@jupyterlab/apputils";
  import type { ServiceManager } from "@jupyterlab/services";
  import type { CommandRegistry } from "@lumino/commands";
  import type { Token } from "@lumino/coreutils";
  import type { ISignal } from "@lumino/signaling";
  import type { Widget } from "@lumino/widgets";
  export interface Shell {
    add(widget: Widget, area: string, options?: { rank?: number; mode?: string; ref?: string }): void;
    activateById(id: string): void;
    readonly currentWidget: Widget | null;
    readonly currentChanged?: ISignal<Shell, unknown>;
    widgets(area: string): Iterable<Widget>;
  }
  export interface JupyterFrontEnd {
    readonly commands: CommandRegistry;
    readonly shell: Shell;
    readonly serviceManager: ServiceManager.IManager;
    readonly restored: Promise<unknown>;
    readonly name: string;
  }
  export interface JupyterFrontEndPlugin<T> {
    readonly id: string;
    readonly description: string;
    readonly autoStart: boolean;
    readonly requires?: readonly Token<unknown>[];
    readonly optional?: readonly Token<unknown>[];
    readonly provides?: Token<T>;
    // biome-ignore lint/suspicious/noExplicitAny: the services follow the order of `requires` and `optional`.
    activate(app: JupyterFrontEnd, ...services: any[]): T;
  }
  export interface ILayoutRestorer {
    restore<W extends Widget>(
      tracker: IWidgetTracker<W>,
      options: {
        command: string;
        args: (widget: W) => Record<string, unknown>;
        name: (widget: W) => string;
      },
    ): Promise<unknown>;
    add(widget: Widget, name: string): void;
  }
  export const ILayoutRestorer: Token<ILayoutRestorer>;
}

declare module "@jupyterlab/apputils" {
  import type { Token } from "@lumino/coreutils";
  import type { IDisposable } from "@lumino/disposable";
  import type { ISignal } from "@lumino/signaling";
  import type { Widget } from "@lumino/widgets";
  export interface ICommandPalette {
    addItem(options: { command: string; category: string; args?: Record<string, unknown> }): IDisposable;
  }
  export const ICommandPalette: Token<ICommandPalette>;
  export interface IWidgetTracker<W extends Widget> {
    readonly currentWidget: W | null;
    forEach(each: (widget: W) => void): void;
    find(fits: (widget: W) => boolean): W | undefined;
    readonly widgetAdded: ISignal<IWidgetTracker<W>, W>;
    readonly currentChanged: ISignal<IWidgetTracker<W>, W | null>;
  }
  export class WidgetTracker<W extends Widget> implements IWidgetTracker<W> {
    constructor(options: { namespace: string });
    readonly currentWidget: W | null;
    forEach(each: (widget: W) => void): void;
    find(fits: (widget: W) => boolean): W | undefined;
    readonly widgetAdded: ISignal<this, W>;
    readonly currentChanged: ISignal<this, W | null>;
    add(widget: W): Promise<void>;
    save(widget: W): Promise<void>;
  }
  export namespace Dialog {
    interface IButton {
      readonly label: string;
      readonly accept: boolean;
    }
    interface IResult<T> {
      readonly button: IButton;
      readonly value: T | null;
    }
    function okButton(options?: { label?: string }): IButton;
    function cancelButton(options?: { label?: string }): IButton;
    function warnButton(options?: { label?: string }): IButton;
  }
  export function showDialog<T>(options: {
    title: string;
    body: string | Widget;
    buttons: readonly Dialog.IButton[];
  }): Promise<Dialog.IResult<T>>;
  export namespace InputDialog {
    function getText(options: {
      title: string;
      label?: string;
      text?: string;
      okLabel?: string;
      placeholder?: string;
    }): Promise<Dialog.IResult<string>>;
    function getItem(options: {
      title: string;
      label?: string;
      items: readonly string[];
      okLabel?: string;
    }): Promise<Dialog.IResult<string>>;
  }
  export namespace Notification {
    interface IAction {
      readonly label: string;
      readonly callback: () => void;
    }
    function emit(
      message: string,
      type: "default" | "info" | "success" | "warning" | "error",
      options?: { autoClose?: number | false; actions?: readonly IAction[] },
    ): string;
  }
}

declare module "@jupyterlab/filebrowser" {
  import type { IWidgetTracker } from "@jupyterlab/apputils";
  import type { Contents } from "@jupyterlab/services";
  import type { Token } from "@lumino/coreutils";
  import type { Widget } from "@lumino/widgets";
  export interface FileBrowser extends Widget {
    selectedItems(): IterableIterator<Contents.IModel>;
    readonly model: { readonly path: string; readonly manager: IDocumentManager };
  }
  export interface IFileBrowserFactory {
    readonly tracker: IWidgetTracker<FileBrowser>;
  }
  export const IFileBrowserFactory: Token<IFileBrowserFactory>;
  interface IDocumentManager {
    readonly services: unknown;
  }
  export namespace FileDialog {
    function getExistingDirectory(options: {
      manager: IDocumentManager;
      title?: string;
      label?: string;
    }): Promise<{ readonly value: readonly Contents.IModel[] | null }>;
  }
}

declare module "@jupyterlab/launcher" {
  import type { Token } from "@lumino/coreutils";
  import type { IDisposable } from "@lumino/disposable";
  export interface ILauncher {
    add(options: { command: string; category: string; rank?: number; args?: Record<string, unknown> }): IDisposable;
  }
  export const ILauncher: Token<ILauncher>;
}

declare module "@jupyterlab/statusbar" {
  import type { Token } from "@lumino/coreutils";
  import type { IDisposable } from "@lumino/disposable";
  import type { Widget } from "@lumino/widgets";
  export interface IStatusBar {
    registerStatusItem(
      id: string,
      options: { item: Widget; align: "left" | "middle" | "right"; rank?: number; isActive?: () => boolean },
    ): IDisposable;
  }
  export const IStatusBar: Token<IStatusBar>;
}

declare module "@jupyterlab/settingregistry" {
  import type { Token } from "@lumino/coreutils";
  import type { ISignal } from "@lumino/signaling";
  export namespace ISettingRegistry {
    interface ISettings {
      readonly composite: Readonly<Record<string, unknown>>;
      readonly changed: ISignal<ISettings, unknown>;
    }
  }
  export interface ISettingRegistry {
    load(plugin: string): Promise<ISettingRegistry.ISettings>;
  }
  export const ISettingRegistry: Token<ISettingRegistry>;
}

declare module "@jupyterlab/notebook" {
  import type { IWidgetTracker } from "@jupyterlab/apputils";
  import type { Token } from "@lumino/coreutils";
  import type { Widget } from "@lumino/widgets";
  export interface SharedCell {
    getSource(): string;
    setSource(source: string): void;
  }
  export interface Notebook extends Widget {
    readonly widgets: readonly (Widget & { readonly model: { readonly sharedModel: SharedCell } })[];
    readonly model: { readonly sharedModel: SharedNotebook } | null;
    activeCellIndex: number;
  }
  export interface SharedNotebook {
    readonly cells: readonly SharedCell[];
    insertCell(index: number, cell: { cell_type: "code"; source: string; metadata: object; outputs: never[] }): unknown;
  }
  export interface NotebookPanel extends Widget {
    readonly content: Notebook;
    readonly context: { readonly path: string };
  }
  export type INotebookTracker = IWidgetTracker<NotebookPanel>;
  export const INotebookTracker: Token<INotebookTracker>;
}
