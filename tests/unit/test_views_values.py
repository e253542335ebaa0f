"""Values that cells show: plain to code, readable to people, harmless whatever is in them."""

from __future__ import annotations

from flare_widgets.views.core.pretty import Facts, Listing, Texts, Words

EVIL = "<script>alert(1)</script>\x1b[31m"


def test_a_listing_is_a_list_of_dicts_shown_as_a_table() -> None:
    listing = Listing([{"name": "site-1", "jobs": ["a", "b"], "hidden": 1}, {"name": "日本", "jobs": None}],
                      {"name": "site", "jobs": "runs"})  # fmt: skip
    assert listing == [{"name": "site-1", "jobs": ["a", "b"], "hidden": 1}, {"name": "日本", "jobs": None}]
    assert repr(listing) == "site    runs\nsite-1  a, b\n日本"
    html = listing._repr_html_()
    assert '<th scope="col" style="text-align: left">site</th>' in html
    assert html.count("<tr>") == 3


def test_an_empty_listing_says_so() -> None:
    listing = Listing([], {"name": "name"}, "No session")
    assert repr(listing) == "No session"
    assert "No session" in listing._repr_html_()


def test_a_long_listing_is_cut_and_says_so() -> None:
    listing = Listing([{"n": i} for i in range(250)], {"n": "n"})
    assert len(listing) == 250
    assert repr(listing).splitlines()[-1] == "... and 50 more"
    assert "... and 50 more" in listing._repr_html_()


def test_hostile_text_is_shown_harmlessly_and_kept_as_it_is() -> None:
    listing = Listing([{"name": EVIL}], {"name": "name"})
    assert "\x1b" not in repr(listing)
    assert "<script>" not in listing._repr_html_()
    assert listing[0]["name"] == EVIL
    facts = Facts({EVIL: {EVIL: [EVIL]}})
    assert "\x1b" not in repr(facts)
    words = Words(f"a\n{EVIL}")
    assert "\x1b" not in repr(words)
    assert words == f"a\n{EVIL}"
    texts = Texts({EVIL: EVIL}, {EVIL: EVIL})
    assert "\x1b" not in repr(texts)
    assert texts[EVIL] == EVIL


def test_facts_are_lines_with_what_is_inside_of_them_indented() -> None:
    facts = Facts({"name": "hello", "server": {"Runner": {"status": "ok", "n": 1}}, "list": ["a", "b"], "none": None})
    assert repr(facts).splitlines() == [
        "name  hello",
        "server",
        "  Runner",
        "    status  ok",
        "    n       1",
        "list  a, b",
        "none",
    ]
    assert repr(Facts({"clients": [{"name": "a"}, {"name": "b"}]})).splitlines() == [
        "clients", "  1.", "    name  a", "  2.", "    name  b",
    ]  # fmt: skip
    assert repr(Facts()) == "nothing"


def test_of_long_text_the_end_is_shown() -> None:
    words = Words("".join(f"line {i}\n" for i in range(1000)))
    assert repr(words).splitlines()[:2] == ["... 800 lines before: the value has them", "line 800"]
    assert repr(words).splitlines()[-1] == "line 999"
    assert len(words.splitlines()) == 1000


def test_texts_of_several_are_headed_by_their_names() -> None:
    assert repr(Texts({"server": "a\nb\n"})) == "a\nb"
    assert repr(Texts({"server": "a\n", "site-1": "b\n"}, {"site-2": "not sent"})) == (
        "[server]\na\n[site-1]\nb\n[site-2]\nnot available: not sent"
    )
    assert repr(Texts({})) == "nothing"
