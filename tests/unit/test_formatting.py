"""Text and tables for display."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.formatting.table import Table, align
from flare_widgets.formatting.text import (
    did_you_mean,
    display_width,
    format_duration,
    format_number,
    join_names,
    suggest_name,
    truncate,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.000"),
        (0.6071, "0.607"),
        (-0.5, "-0.500"),
        (999.9994, "999.999"),
        (12345.6, "12346"),
        (1.2e9, "1.2e+09"),
        (1.23e-7, "1.2e-07"),
        (float("inf"), "inf"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-50, "0 s"),
        (0.9, "0 s"),
        (19.9, "19 s"),
        (60, "1 min"),
        (134, "2 min 14 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (3723, "1 h 2 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 days"),
        (360_000, "4 days"),
    ],
)
def test_duration_is_rounded_down(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("text", "room", "fitting"),
    [
        ("hello", 5, "hello"),
        ("hello", 4, "hel…"),
        ("hello", 1, "…"),
        ("hello", 0, ""),
        ("東京東京", 8, "東京東京"),
        ("東京東京", 7, "東京東…"),
        ("東京東京", 6, "東京…"),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
    ],
)
def test_text_is_truncated_to_columns(text: str, room: int, fitting: str) -> None:
    assert truncate(text, room) == fitting


@given(st.text(), st.integers(0, 40))
def test_what_is_cut_fits(text: str, room: int) -> None:
    assert display_width(truncate(text, room)) <= room


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "s0"), (2, "s0 and s1"), (4, "s0, s1, s2 and s3"), (5, "s0, s1, s2 and 2 more"), (9, "s0, s1, s2 and 6 more")],
)
def test_join_names_counts_last_ones(count: int, text: str) -> None:
    assert join_names(f"s{n}" for n in range(count)) == text


def test_join_names_has_limit_and_noun() -> None:
    assert join_names("abcd", 3, "sites") == "a, b and 2 more sites"
    assert join_names("abcd", 1, "sites") == "4 more sites"
    assert join_names([]) == ""


def test_did_you_mean_suggests_closest_word() -> None:
    assert did_you_mean("paus", ["kill", "pause"]) == "did you mean 'pause'?"
    assert did_you_mean("xyz", ["kill", "pause"]) == ""


@pytest.mark.parametrize(
    ("word", "known", "words"),
    [
        ("hospital-b", ["hospital-a", "hospital-bb"], "Did you mean 'hospital-bb'? Sites: hospital-a and hospital-bb"),
        ("site-9", ["site-1", "site-2"], "Sites: site-1 and site-2"),  # neither is more likely
        ("xyz", ["site-1"], "Sites: site-1"),
        ("x", [f"s{n}" for n in range(20)], "Sites: s0, s1, s2, s3, s4, s5, s6 and 13 more"),
        ("x", [], "There are no sites"),
    ],
)
def test_suggest_name_lists_what_exists(word: str, known: list[str], words: str) -> None:
    assert suggest_name(word, known, "sites") == words


def test_align_measures_columns_of_terminal() -> None:
    assert align([("日本", "a"), ("x", "bc")], indent="  ") == ["  日本  a", "  x     bc"]
    assert align([("", "name"), ("日本", "1"), ("x", "2.5")], numbers=True) == [
        "      name",
        "日本     1",
        "x      2.5",
    ]
    assert align([]) == []


def test_table_shows_notes_in_both_forms() -> None:
    table = Table(["name", "id"], [["a", "1"], ["bcd", "2"]], ["... and 3 more"], ["one", ""])
    assert table.to_text() == "name  id\na     1\nbcd   2\n... and 3 more"
    html = table.to_html()
    assert '<tr title="one"><td' in html
    assert '<tr><td style="text-align: left; min-width: 3ch">bcd</td>' in html
    assert '<td colspan="2" style="text-align: left">... and 3 more</td>' in html


def test_table_breaks_only_long_words() -> None:
    html = Table(["status", "name"], [["FINISHED:COMPLETED", "a" * 40]]).to_html()
    assert '<td style="text-align: left; min-width: 10ch">FINISHED:COMPLETED</td>' in html
    assert f'<td style="text-align: left; overflow-wrap: anywhere; min-width: 10ch">{"a" * 40}</td>' in html


def test_empty_table_reads_as_notes() -> None:
    assert Table(["name"], [], ["nothing"]).to_text() == "nothing"


def test_table_escapes_whatever_it_shows() -> None:
    evil = "<script>\"'&"
    html = Table([evil], [[evil]], [evil], [evil]).to_html()
    assert "<script>" not in html
    assert html.count("&lt;script&gt;&#34;&#39;&amp;") == 4
