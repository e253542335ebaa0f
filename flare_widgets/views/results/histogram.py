"""Histograms of features as small pictures: SVG that needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET  # only for writing: it escapes

from markupsafe import Markup

from ...monitoring.results.statistics import Bin

_WIDTH, _HEIGHT, _LABEL_HEIGHT = 180.0, 44.0, 14.0


def draw_histogram(bins: Sequence[Bin], label: str) -> Markup:
    """Return a histogram as an inline SVG: a bar a bin, with the ends of its range below.

    Parameters
    ----------
    bins
        The bins, from low to high; widths may differ.
    label
        Its description for those who do not see it. Sanitized text.
    """
    low, high = bins[0].low, bins[-1].high
    span = (high - low) or 1.0
    top = max(each.count for each in bins) or 1.0
    picture = ET.Element(
        "svg",
        {
            "class": "flw-histogram",
            "viewBox": f"0 0 {_WIDTH:g} {_HEIGHT + _LABEL_HEIGHT:g}",
            "width": f"{_WIDTH:g}",
            "height": f"{_HEIGHT + _LABEL_HEIGHT:g}",
            "role": "img",
            "aria-label": label,
        },
    )
    for each in bins:
        left = (each.low - low) / span * _WIDTH
        width = max(0.5, (each.high - each.low) / span * _WIDTH - 0.5)
        height = max(0.0, each.count) / top * _HEIGHT
        attributes = {"x": left, "y": _HEIGHT - height, "width": width, "height": height}
        bar = ET.SubElement(picture, "rect", {name: f"{value:.1f}" for name, value in attributes.items()})
        ET.SubElement(bar, "title").text = f"{each.low:.6g} to {each.high:.6g}: {each.count:.6g}"
    for x, anchor, value in ((0.0, "start", low), (_WIDTH, "end", high)):
        text = ET.SubElement(
            picture, "text", {"x": f"{x:g}", "y": f"{_HEIGHT + _LABEL_HEIGHT - 3:g}", "text-anchor": anchor}
        )
        text.text = f"{value:.6g}"
    return Markup(ET.tostring(picture, encoding="unicode"))  # noqa: S704 -- written by ElementTree, which escapes
