"""Histograms of features as small pictures: SVG that needs no script, and a line of text."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET  # only for writing: it escapes

from markupsafe import Markup

from ...monitoring.results.statistics import Bin

_WIDTH, _HEIGHT, _LABEL_HEIGHT = 180.0, 44.0, 14.0
_BLOCKS = "▁▂▃▄▅▆▇█"
_MAX_BLOCKS = 20


def draw_histogram(bins: Sequence[Bin], label: str, *, is_compact: bool = False) -> Markup:
    """Return a histogram as an inline SVG: a bar a bin, with the ends of its range below.

    Parameters
    ----------
    bins
        The bins, from low to high; widths may differ.
    label
        Its description for those who do not see it. Sanitized text.
    is_compact
        True for an outline in place of bars that say their numbers when pointed at: a tenth of the size.
    """
    low, high = bins[0].low, bins[-1].high
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
    bars = place_bars(bins)
    if is_compact:
        ET.SubElement(picture, "path", {"d": _outline([bar[:3] for bar in bars])})
        bars = []
    for left, width, height, words in bars:
        attributes = {
            "x": left * _WIDTH,
            "y": _HEIGHT - height * _HEIGHT,
            "width": max(0.5, width * _WIDTH - 0.5),
            "height": height * _HEIGHT,
        }
        bar = ET.SubElement(picture, "rect", {name: f"{value:.1f}" for name, value in attributes.items()})
        ET.SubElement(bar, "title").text = words
    for x, anchor, value in ((0.0, "start", low), (_WIDTH, "end", high)):
        text = ET.SubElement(
            picture, "text", {"x": f"{x:g}", "y": f"{_HEIGHT + _LABEL_HEIGHT - 3:g}", "text-anchor": anchor}
        )
        text.text = f"{value:.6g}"
    return Markup(ET.tostring(picture, encoding="unicode"))  # noqa: S704 -- written by ElementTree, which escapes


def _outline(bars: Sequence[tuple[float, float, float]]) -> str:
    """Return the path around bars, with a gap between each two."""
    steps = (
        f"M{left * _WIDTH:.3g} {_HEIGHT:g}v{-height * _HEIGHT:.3g}h{max(0.5, width * _WIDTH - 0.5):.3g}V{_HEIGHT:g}"
        for left, width, height in bars
        if height
    )
    return "".join(steps) or "M0 0"


def write_histogram(bins: Sequence[Bin]) -> str:
    """Return a histogram as a line of text: ``18 ▁▃▇█▅▂▁ 94``, a block a bin, or several bins if there are many.

    Parameters
    ----------
    bins
        The bins, from low to high; their widths are not shown.
    """
    step = -(-len(bins) // _MAX_BLOCKS)
    counts = [max(0.0, *(each.count for each in bins[at : at + step])) for at in range(0, len(bins), step)]
    top = max(counts) or 1.0
    blocks = "".join(_BLOCKS[round(_clip(count / top) * (len(_BLOCKS) - 1))] if count else " " for count in counts)
    return f"{bins[0].low:.6g} {blocks} {bins[-1].high:.6g}"


def place_bars(bins: Sequence[Bin]) -> list[tuple[float, float, float, str]]:
    """Return the bars of a histogram: left edge, width and height, each from 0 to 1, and a description.

    Parameters
    ----------
    bins
        The bins, from low to high; widths may differ.
    """
    low = bins[0].low
    # Halved, since the difference of two floats may overflow.
    span = (bins[-1].high / 2 - low / 2) or 0.5
    top = max(each.count for each in bins)
    top = top if top > 0 else 1.0
    return [
        (
            _clip((each.low / 2 - low / 2) / span),
            _clip((each.high / 2 - each.low / 2) / span),
            _clip(each.count / top),
            f"{each.low:.6g} to {each.high:.6g}: {each.count:.6g}",
        )
        for each in bins
    ]


def _clip(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)
