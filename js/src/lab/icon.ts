/** The icon of everything that is ours. */
import { LabIcon } from "@jupyterlab/ui-components";
import svg from "./flare.svg";

export const flareIcon = new LabIcon({ name: "flare-widgets:flare", svgstr: svg });
