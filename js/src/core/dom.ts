/**
 * The only place where elements are made. There is no way here to pass markup: every string becomes a text node.
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
  readonly scope?: "col" | "row";
}

/** Make an element. */
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

/** Words for a screen reader only. */
export function screenReaderText(text: string): HTMLElement {
  return h("span", { class: "flw-spoken" }, text);
}

/** Change an element's text, and leave the document alone when it would say the same. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Show or hide an element. */
export function setVisible(element: HTMLElement, visible: boolean): void {
  if (element.hidden === visible) element.hidden = !visible;
}

/** A function that draws only when what it would draw differs from what it drew last. */
export function whenChanged<T>(draw: (value: T) => void): (value: T) => void {
  let last: string | undefined;
  return (value) => {
    const key = JSON.stringify(value);
    if (key === last) return;
    last = key;
    draw(value);
  };
}
