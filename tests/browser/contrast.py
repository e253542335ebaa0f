"""Contrast of texts against their background, by the formula of WCAG 2."""

from __future__ import annotations

from playwright.sync_api import Locator

_PAINT = """
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  // A canvas understands every notation of a colour that a style sheet does.
  const paint = (colours) => {
    canvas.fillStyle = '#fff';
    canvas.fillRect(0, 0, 1, 1);
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
"""
_CONTRASTS = (
    "root => {"
    + _PAINT
    + """
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = {};
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim(), element = node.parentElement;
    if (!text || element.closest('.flw-spoken, style') || !element.checkVisibility()) continue;
    const behind = [];
    for (let e = element; e; e = e.parentElement) behind.unshift(getComputedStyle(e).backgroundColor);
    const back = luminance(paint(behind)), ink = luminance(paint([...behind, getComputedStyle(element).color]));
    const ratio = (Math.max(back, ink) + 0.05) / (Math.min(back, ink) + 0.05);
    found[text] = Math.min(found[text] ?? Infinity, Math.round(ratio * 100) / 100);
  }
  return found;
}"""
)


def contrasts(root: Locator) -> dict[str, float]:
    """Return the contrast of each visible text in an element."""
    found: dict[str, float] = root.evaluate(_CONTRASTS)
    return found


def background(root: Locator) -> tuple[int, int, int]:
    """Return the colour of an element's own background on white."""
    script = f"root => {{{_PAINT} return paint([getComputedStyle(root).backgroundColor]); }}"
    red, green, blue = root.evaluate(script)
    return red, green, blue
