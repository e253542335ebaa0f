"""Changes between two JSON values: a view sends the page what has changed in a large trait, not the trait.

A patch makes one value of another one, which both sides have:

``{set: value}``
    The value is another one.
``{keys: {name: patch, ...}, gone: [name, ...]}``
    A map, some of whose values have changed; or a list, by the places of its items: those of several that have
    changed in the same way are joined by commas.
``{text: [start, stop, words]}``
    A text with other words from one place to another.
``{more: [item, ...]}``
    A list with more items at its end.
``{items: [part, ...]}``
    A list made of parts: ``[start, stop]`` has those items of the list before, ``{add: [item, ...]}`` has new ones,
    ``{at: index, patch}`` has one that has changed.

Parts that are the same objects in both values cost nothing: whoever makes the values keeps what has not changed.

A view sends ``patch``, a trait of ``{seq, changes: {trait: patch}}``, in place of the traits. ``revision`` is the
number of the last patch that the others contain; a page that misses one sends ``{kind: "resync", feed: "traits"}``, and
gets the traits whole. So does a page that joins.

The other half is ``js/src/core/patches.ts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Patch = dict[str, Any]

FEED = "traits"
"""The name of what a page asks for that has missed a patch; the other feeds are those of :mod:`.row_sync`."""

_MIN_TEXT_CHARS = 24  # characters of a text that is worth a patch
_MAX_RECORD_ITEMS = 8  # items of a list that is a record rather than a series
_SCALARS = (str, int, float)


def diff(before: Any, after: Any) -> Patch | None:
    """Return the patch that makes `after` of `before`; None if they are equal.

    Items of a list are recognized by their first value, if that is a text or a number, and else by their place.
    """
    if before is after:
        return None
    if isinstance(before, dict) and isinstance(after, dict):
        return _diff_maps(before, after)
    if isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)):
        return _diff_lists(before, after)
    if before == after:
        return None
    if isinstance(before, str) and isinstance(after, str) and len(before) >= _MIN_TEXT_CHARS:
        return _diff_texts(before, after)
    return {"set": after}


def apply(before: Any, patch: Mapping[str, Any]) -> Any:
    """Return the value that a patch makes of `before`, which stays as it is."""
    match patch:
        case {"set": value}:
            return value
        case {"keys": keys} if isinstance(before, (list, tuple)):
            changed = {int(place): change for places, change in keys.items() for place in places.split(",")}
            return [apply(item, changed[n]) if n in changed else item for n, item in enumerate(before)]
        case {"keys": keys}:
            gone = patch.get("gone", ())
            kept = {name: value for name, value in before.items() if name not in gone}
            return kept | {name: apply(before.get(name), change) for name, change in keys.items()}
        case {"text": [start, stop, words]}:
            return before[:start] + words + before[stop:]
        case {"more": items}:
            return [*before, *items]
        case {"items": parts}:
            return [item for part in parts for item in _items_of(before, part)]
    raise ValueError("not a patch")


def receive(traits: dict[str, Any], update: Mapping[str, Any]) -> None:
    """Bring the traits of a view up to date, as a page does, by the traits in one of its messages."""
    traits.update(update)
    patch = update.get("patch") or {}
    if patch.get("seq") == traits.get("revision", 0) + 1:
        traits["revision"] = patch["seq"]
        for name, change in patch["changes"].items():
            traits[name] = apply(traits.get(name), change)


def _diff_maps(before: dict[str, Any], after: dict[str, Any]) -> Patch | None:
    changes: dict[str, Patch] = {}
    for name, value in after.items():
        change = diff(before[name], value) if name in before else {"set": value}
        if change is not None:
            changes[name] = change
    gone = [name for name in before if name not in after]
    if not changes and not gone:
        return None
    return {"keys": changes, "gone": gone} if gone else {"keys": changes}


def _diff_texts(before: str, after: str) -> Patch:
    start = _count_shared(before, after)
    end = _count_shared(before[start:][::-1], after[start:][::-1])
    # A page counts the characters beyond the first 65,536 of Unicode as two.
    if not before.isascii() or start + end == 0:
        return {"set": after}
    return {"text": [start, len(before) - end, after[start : len(after) - end]]}


def _diff_lists(before: Sequence[Any], after: Sequence[Any]) -> Patch | None:
    count = len(before)
    if count and after[:count] == before:
        return {"more": after[count:]} if len(after) > count else None
    if count == len(after) and (places := _changed_places(before, after)) is not None:
        changes = [(place, change) for place in places if (change := diff(before[place], after[place])) is not None]
        return {"keys": _join_equal(changes)} if changes else None
    expected = _count_shared(before, after)
    known = {_key_of(item, place): place for place, item in enumerate(before[expected:], expected)}
    parts: list[Any] = [[0, expected]] if expected else []
    for index, item in enumerate(after[expected:], expected):
        is_next = expected < count and (before[expected] is item or before[expected] == item)
        place = expected if is_next else known.get(_key_of(item, index))
        if place is None:
            _add_item(parts, item)
            continue
        change = None if is_next else diff(before[place], item)
        if change is None:
            _add_kept(parts, place)
        elif "set" in change:
            _add_item(parts, item)
        else:
            parts.append({"at": place, "patch": change})
        expected = place + 1
    if all(isinstance(part, dict) and "add" in part for part in parts):
        return None if not before and not after else {"set": after}
    return {"items": parts}


def _join_equal(changes: Sequence[tuple[int, Patch]]) -> dict[str, Patch]:
    """Return the patches of the items of a list by their places; those of equal patches are joined by commas."""
    joined: dict[str, tuple[list[str], Patch]] = {}
    for place, change in changes:
        # The text of numbers and keys tells 1 from 1.0 and from True, which are equal in Python, not in a page.
        places, _ = joined.setdefault(repr(change), ([], change))
        places.append(str(place))
    return {",".join(places): change for places, change in joined.values()}


def _count_shared(a: Sequence[Any], b: Sequence[Any]) -> int:
    """Return the number of first items that are the same in both."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _changed_places(before: Sequence[Any], after: Sequence[Any]) -> list[int] | None:
    """Return the places of the items that have changed; None if items have moved, or nothing is as before."""
    places = []
    is_record = len(before) <= _MAX_RECORD_ITEMS
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if old is not new and old != new:
            if _key_of(old, place) != _key_of(new, place) and not (is_record and place):
                return None
            places.append(place)
    return places if len(places) < len(before) or not is_record else None


def _key_of(item: Any, place: int) -> object:
    if isinstance(item, (list, tuple)) and item:
        first = item[0]
    elif isinstance(item, dict) and item:
        first = next(iter(item.values()))
    else:
        first = item
    return (first,) if isinstance(first, _SCALARS) else place


def _add_item(parts: list[Any], item: Any) -> None:
    if parts and isinstance(parts[-1], dict) and "add" in parts[-1]:
        parts[-1]["add"].append(item)
    else:
        parts.append({"add": [item]})


def _add_kept(parts: list[Any], place: int) -> None:
    if parts and isinstance(parts[-1], list) and parts[-1][1] == place:
        parts[-1][1] = place + 1
    else:
        parts.append([place, place + 1])


def _items_of(before: Sequence[Any], part: Any) -> Sequence[Any]:
    match part:
        case [start, stop]:
            return before[start:stop]
        case {"add": items}:
            return list(items)
        case {"at": place, "patch": change}:
            return [apply(before[place], change)]
    raise ValueError("not a part of a list")
