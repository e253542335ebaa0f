/** The sidebar as a widget of JupyterLab. */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Widget } from "@lumino/widgets";
import { browserNow } from "../../core/clock";
import { trackVisibility } from "../../core/visibility";
import { flareIcon } from "../icon";
import type { Link } from "../link";
import { createSidebar, type SidebarView } from "./view";
import { readFacts } from "./view-model";

export const SIDEBAR_ID = "flare-widgets-sidebar";

export class SidebarPanel extends Widget {
  readonly #view: SidebarView;
  readonly #stop: (() => void)[];
  #isInSight = false;

  constructor(
    app: JupyterFrontEnd,
    private readonly link: Link,
  ) {
    super();
    this.id = SIDEBAR_ID;
    this.addClass("flw-lab-panel");
    this.title.icon = flareIcon;
    this.title.caption = "NVIDIA FLARE";
    this.#view = createSidebar({ run: (command, args) => void app.commands.execute(command, args), now: browserNow });
    this.node.append(this.#view.element);
    this.#stop = [
      link.onStateChange(() => {
        this.#tellVisibility();
        this.#draw();
      }),
      link.onFacts(() => this.#draw()),
      trackVisibility(this.node, (visible) => {
        this.#isInSight = visible;
        this.#tellVisibility();
      }),
    ];
    this.#draw();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.#stop.forEach((stop) => stop());
    this.#view.dispose();
    super.dispose();
  }

  protected override onActivateRequest(): void {
    // A frame later: the palette, which may have run the command, gives the focus back when it has closed.
    requestAnimationFrame(() => this.#view.focus());
  }

  #tellVisibility(): void {
    if (this.link.state === "connected") void this.link.ask("visible", { visible: this.#isInSight }).catch(() => {});
  }

  #draw(): void {
    const { state, lostAt, permissions, facts } = this.link;
    this.#view.draw({
      link: state,
      lostAt,
      mayExecute: permissions.mayExecute,
      mayWrite: permissions.mayWrite,
      facts: readFacts(facts),
    });
  }
}
