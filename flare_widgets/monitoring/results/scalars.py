"""Reader of TensorBoard's event files: series of numbers by step. Pure.

FLARE's receiver writes a folder for each site, ``tb_events/SITE/events.out.tfevents.*``, and for a group of values
(``add_scalars``, which is how XGBoost's metrics are sent) a folder for each of them below it, whose name begins with
the group's: ``tb_events/SITE/train_metrics_auc``.

A file is a sequence of records (length, its checksum, data, its checksum), each an ``Event`` in protobuf. Only the
fields that a number needs are read. Checksums are not compared: a damaged record ends the file, or is no event.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...protobuf import read_fields
from ..numbers import finite_or_none
from .values import clean_name

MAX_SERIES = 200
"""Number of series that are read of a result."""

MAX_POINTS = 1000
"""Number of points of a series; of a longer one as many are kept, evenly spread, with the first and the last."""

MAX_EVENTS = 200_000
"""Number of events that are read of a result."""

_EVENT_FILE = re.compile(r"(?:^|/)events\.out\.tfevents\.[^/]*$")
_MAX_RECORD_BYTES = 64 << 10  # bytes of an event with a number; images and histograms are passed over
_MAX_STEP = 1 << 53  # the largest step that JavaScript can count to
_FLOAT, _DOUBLE = 1, 2  # types of a tensor


@dataclass(frozen=True)
class StepPoint:
    """A value at a step; the job's code decides what a step is, usually a batch or an epoch."""

    step: int
    value: float


@dataclass(frozen=True)
class StepSeries:
    """One metric of one site, by step.

    Attributes
    ----------
    name
        Name of the metric.
    site
        The site; empty if the file names none.
    points
        The values, by step; of several at one step the last one written.
    """

    name: str
    site: str
    points: tuple[StepPoint, ...]


def is_event_file(path: str) -> bool:
    """Return True if the name of a file is that of an event file."""
    return _EVENT_FILE.search(path) is not None


def read_scalars(files: Mapping[str, bytes]) -> tuple[StepSeries, ...]:
    """Read the series of event files, in the order of their names and sites.

    Parameters
    ----------
    files
        Content by path below the result (``workspace/tb_events/site-1/events.out.tfevents.1``); others are ignored.
    """
    found: dict[tuple[str, str], dict[int, float]] = {}
    events = 0
    for path in sorted(filter(is_event_file, files)):
        site, folder = _split_path(path)
        names: dict[bytes, str] = {}
        for record in _read_records(files[path]):
            events += 1
            if events > MAX_EVENTS:
                break
            for step, tag, value in _read_event(record):
                if tag not in names:
                    names[tag] = _series_name(tag.decode("utf-8", "replace"), folder)
                key = names[tag], site
                if key in found or len(found) < MAX_SERIES:
                    found.setdefault(key, {})[step] = value
    return tuple(StepSeries(name, site, _thin_out(found[name, site])) for name, site in sorted(found))


def _split_path(path: str) -> tuple[str, str]:
    """Return the site that an event file is of, and its folder below that of the site."""
    _, *folders = path.removeprefix("workspace/").split("/")[:-1] or [""]
    return clean_name(folders[0]) if folders else "", "/".join(folders[1:])


def _series_name(tag: str, folder: str) -> str:
    """Return the name of a series; a folder below the site's is that of a value in a group, or a run of its own."""
    group = tag.replace("/", "_") + "_"
    if folder.startswith(group) and folder != group:
        return clean_name(f"{tag.removesuffix('_metrics')} {folder[len(group) :]}")
    return clean_name(f"{folder}/{tag}" if folder else tag)


def _thin_out(values: Mapping[int, float]) -> tuple[StepPoint, ...]:
    points = [StepPoint(step, values[step]) for step in sorted(values)]
    if len(points) > MAX_POINTS:
        last = len(points) - 1
        points = [points[round(number * last / (MAX_POINTS - 1))] for number in range(MAX_POINTS)]
    return tuple(points)


def _read_records(data: bytes) -> Iterator[memoryview]:
    """Return the records of a file as far as it is whole, without those that are too large for a number."""
    view, position = memoryview(data), 0
    while position + 12 <= len(view):
        (size,) = struct.unpack_from("<Q", view, position)
        begin, position = position + 12, position + 12 + size + 4
        if position > len(view):
            return
        if size <= _MAX_RECORD_BYTES:
            yield view[begin : begin + size]


def _read_event(record: memoryview) -> list[tuple[int, bytes, float]]:
    """Return the steps, tags and values of an event; of a damaged one nothing."""
    step, found = 0, []
    try:
        for number, _, value in read_fields(record):
            if number == 2 and isinstance(value, int):
                step = value if value < 1 << 63 else value - (1 << 64)
            elif number == 5 and isinstance(value, memoryview):
                found += [_read_value(entry) for key, _, entry in read_fields(value) if key == 1]
    except ValueError:
        return []
    if abs(step) > _MAX_STEP:
        return []
    return [(step, tag, value) for tag, value in filter(None, found)]


def _read_value(entry: int | memoryview) -> tuple[bytes, float] | None:
    """Return the tag and the number of a ``Summary.Value``; None if it is no number."""
    if isinstance(entry, int):
        raise ValueError("no message")
    tag = b""
    number: float | None = None
    for key, _, value in read_fields(entry):
        if key == 1 and isinstance(value, memoryview):
            tag = bytes(value)
        elif key == 2 and isinstance(value, memoryview) and len(value) == 4:
            number = _read_float(value)
        elif key == 8 and isinstance(value, memoryview):
            number = _read_tensor(value)
    return (tag, number) if tag and number is not None else None


def _read_tensor(tensor: memoryview) -> float | None:
    """Return the number of a tensor that is a single one."""
    kind: int | memoryview = 0
    numbers: list[float | None] = []
    for key, _, value in read_fields(tensor):
        if key == 1:
            kind = value
        elif isinstance(value, memoryview) and key in (4, 5, 6):
            size = 4 if kind == _FLOAT else 8
            if kind not in (_FLOAT, _DOUBLE) or len(value) != size:
                return None
            numbers.append(_read_float(value))
    return numbers[0] if len(numbers) == 1 else None


def _read_float(data: memoryview) -> float | None:
    if len(data) == 8:
        return finite_or_none(struct.unpack("<d", data)[0])
    # As few digits as tell it from its neighbours: what was logged as 0.1 is 0.1 again, not 0.10000000149.
    return finite_or_none(float(f"{struct.unpack('<f', data)[0]:.7g}"))
