"""Values that cells show: plain to code, readable to people, harmless whatever is in them."""

from __future__ import annotations

from flare_widgets.views.core.pretty import PrettyDict, PrettyTable, PrettyText, PrettyTexts

EVIL = "<script>alert(1)</script>\x1b[31m"


def test_listing_is_list_shown_as_table() -> None:
    listing = PrettyTable([{"name": "site-1", "jobs": ["a", "b"], "hidden": 1}, {"name": "日本", "jobs": None}],
                      {"name": "site", "jobs": "runs"})  # fmt: skip
    assert listing == [{"name": "site-1", "jobs": ["a", "b"], "hidden": 1}, {"name": "日本", "jobs": None}]
    assert repr(listing) == "site    runs\nsite-1  a, b\n日本"
    html = listing._repr_html_()
    assert '<th scope="col" style="text-align: left">site</th>' in html
    assert html.count("<tr>") == 3


def test_empty_listing_says_so() -> None:
    listing = PrettyTable([], {"name": "name"}, "No session")
    assert repr(listing) == "No session"
    assert "No session" in listing._repr_html_()


def test_long_listing_is_truncated_with_note() -> None:
    listing = PrettyTable([{"n": i} for i in range(250)], {"n": "n"})
    assert len(listing) == 250
    assert repr(listing).splitlines()[-1] == "... and 50 more"
    assert "... and 50 more" in listing._repr_html_()


def test_hostile_text_is_escaped_but_kept() -> None:
    listing = PrettyTable([{"name": EVIL}], {"name": "name"})
    assert "\x1b" not in repr(listing)
    assert "<script>" not in listing._repr_html_()
    assert listing[0]["name"] == EVIL
    facts = PrettyDict({EVIL: {EVIL: [EVIL]}})
    assert "\x1b" not in repr(facts)
    words = PrettyText(f"a\n{EVIL}")
    assert "\x1b" not in repr(words)
    assert words == f"a\n{EVIL}"
    texts = PrettyTexts({EVIL: EVIL}, {EVIL: EVIL})
    assert "\x1b" not in repr(texts)
    assert texts[EVIL] == EVIL


def test_nested_facts_are_indented() -> None:
    facts = PrettyDict(
        {"name": "hello", "server": {"Runner": {"status": "ok", "n": 1}}, "list": ["a", "b"], "none": None}
    )
    assert repr(facts).splitlines() == [
        "name  hello",
        "server",
        "  Runner",
        "    status  ok",
        "    n       1",
        "list  a, b",
        "none",
    ]
    assert repr(PrettyDict({"clients": [{"name": "a"}, {"name": "b"}]})).splitlines() == [
        "clients", "  1.", "    name  a", "  2.", "    name  b",
    ]  # fmt: skip
    assert repr(PrettyDict()) == "nothing"


def test_of_long_text_end_is_shown() -> None:
    words = PrettyText("".join(f"line {i}\n" for i in range(1000)))
    assert repr(words).splitlines()[:2] == ["... 800 lines before: the value has them", "line 800"]
    assert repr(words).splitlines()[-1] == "line 999"
    assert len(words.splitlines()) == 1000


def test_multiple_texts_have_name_headings() -> None:
    assert repr(PrettyTexts({"server": "a\nb\n"})) == "a\nb"
    assert repr(PrettyTexts({"server": "a\n", "site-1": "b\n"}, {"site-2": "not sent"})) == (
        "[server]\na\n[site-1]\nb\n[site-2]\nnot available: not sent"
    )
    assert repr(PrettyTexts({})) == "nothing"
