/** The entry of the extension: its plugins, and its style sheet in the page. */
import plugins from "./plugins";

const sheet = document.createElement("style");
sheet.textContent = SHEET;
document.head.append(sheet);

export default plugins;
