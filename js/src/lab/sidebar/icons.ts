/** Icons of the sidebar's buttons, in the colour of the text around them. */

const PATHS = {
  add: "M8 3v10M3 8h10",
  refresh: "M12.7 6.2A5 5 0 1 0 13 8.6M13 3v3.4H9.6",
  menu: "M8 3.6v.01M8 8v.01M8 12.4v.01",
  settings: "M2.5 4.5h6M12.5 4.5h1M2.5 11.5h1M7.5 11.5h6M10.5 2.8v3.4M5.5 9.8v3.4",
  lock: "M4 7.5h8v5.5H4zM5.5 7.5V5.6a2.5 2.5 0 0 1 5 0v1.9",
} as const;

export type IconName = keyof typeof PATHS;

export function createIcon(name: IconName): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "flw-lab-icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  if (name === "menu") path.setAttribute("stroke-width", "2.4");
  svg.append(path);
  return svg;
}
