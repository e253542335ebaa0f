"""Patches between two JSON values, and their size."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flare_widgets.views.core.patches import apply, diff, receive

names = st.sampled_from(["name", "cells", "points", "😀"])
scalars = st.none() | st.text(max_size=4) | st.integers(0, 5) | st.floats(0, 1) | st.text("sw😀", min_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=4), max_leaves=20
)


@settings(max_examples=60)
@given(values, values)
def test_patch_makes_the_value_after(before: object, after: object) -> None:
    patch = diff(before, after)
    if patch is None:
        assert before == after
    else:
        assert apply(before, json.loads(json.dumps(patch))) == after


@settings(max_examples=60)
@given(values)
def test_equal_values_have_no_patch(value: object) -> None:
    assert diff(value, json.loads(json.dumps(value))) is None


def test_patch_of_a_long_list_has_the_changes_only() -> None:
    rows: list[list[Any]] = [[f"site-{n}", "s" * 30, None] for n in range(1000)]
    after = [[*row] for row in rows]
    after[7][1] += "w"
    after[900][2] = "late"
    patch = diff(rows, [after[900], *after[:900], *after[901:]])
    assert len(json.dumps(patch)) < 200
    assert len(json.dumps(diff(rows, after))) < 100


def test_equal_patches_of_items_are_sent_once() -> None:
    rows = [[f"site-{n}", "s" * 30, None] for n in range(1000)]
    after = [[name, f"{cells}w", mark] for name, cells, mark in rows]
    patch = diff(rows, after)
    assert len(json.dumps(patch)) < 6_000
    assert apply(rows, json.loads(json.dumps(patch))) == after


def test_patches_that_a_page_tells_apart_are_not_joined() -> None:
    patch = diff([["a", None], ["b", None], ["c", None], ["d", 0]], [["a", 1], ["b", True], ["c", 1.5], ["d", 0]])
    assert patch is not None
    assert list(patch["keys"]) == ["0", "1", "2"]


def test_receiver_applies_the_next_patch_only() -> None:
    traits: dict[str, object] = {"view_model": {"a": 1}, "revision": 4}
    receive(traits, {"patch": {"seq": 5, "changes": {"view_model": {"keys": {"a": {"set": 2}}}}}})
    receive(traits, {"patch": {"seq": 7, "changes": {"view_model": {"keys": {"a": {"set": 3}}}}}})
    assert traits["view_model"] == {"a": 2}
    assert traits["revision"] == 5
