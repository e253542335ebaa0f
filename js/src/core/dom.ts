/**
 * The only module that creates elements. It accepts no markup: every string becomes a text node.
 */

type Child = Node | string;

interface Attributes {
  readonly class?: string;
  readonly title?: string;
  readonly type?: "button";
  readonly role?: string;
  readonly tabindex?: "-1" | "0";
  readonly [aria: `aria-${string}`]: string | undefined;
  readonly [data: `data-${string}`]: string | undefined;
  readonly datetime?: string;
  readonly scope?: "col" | "colgroup" | "row";
  readonly colspan?: string;
}

/** Create an element. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** Create an element of an SVG picture. */
export function svg(
  tag: string,
  attributes: Readonly<Record<string, string | undefined>>,
  ...children: Child[]
): SVGElement {
  const element = document.createElementNS(SVG, tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Create a text for screen readers only. */
export function screenReaderText(text: string): HTMLElement {
  return h("span", { class: "flw-spoken" }, text);
}

/** Set an element's text, without touching the document if it is the same. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Show or hide an element. */
export function setVisible(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

/** Call a function some time after the next frame; the returned function cancels that. */
export function afterFrame(action: () => void, delayMs: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const frame = requestAnimationFrame(() => {
    timer = setTimeout(action, delayMs);
  });
  return () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
}

/** Wrap a draw function so that it runs only if its argument has changed. */
export function whenChanged<T>(draw: (value: T) => void): (value: T) => void {
  let last: string | undefined;
  return (value) => {
    const key = JSON.stringify(value);
    if (key === last) return;
    last = key;
    draw(value);
  };
}
