"""``%flare``'s words: what is understood, what is refused, and how."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from flare_widgets.magics.parsing import help_all, parse
from flare_widgets.magics.verbs import VERBS

ISSUE_VERBS = {"up", "down", "connect", "check", "close", "status", "jobs", "submit", "monitor", "clone", "abort"}


def test_every_verb_that_was_promised_exists() -> None:
    assert set(VERBS) == ISSUE_VERBS


@pytest.mark.parametrize(
    ("line", "verb", "arguments"),
    [
        ("up", "up", {"sites": 2}),
        ("up -n 3", "up", {"sites": 3}),
        ("up --sites=4", "up", {"sites": 4}),
        ("down", "down", {}),
        (
            "connect 'my kits/admin' --study heart",
            "connect",
            {"kit": "my kits/admin", "study": "heart", "timeout": 10.0},
        ),
        ("jobs", "jobs", {"limit": 0}),
        ("submit jobs/hello", "submit", {"folder": "jobs/hello"}),
        ("monitor", "monitor", {"job": None, "wait": False, "keep": False}),
        ("monitor 76b8 --wait", "monitor", {"job": "76b8", "wait": True, "keep": False}),
        ("monitor -k", "monitor", {"job": None, "wait": False, "keep": True}),
        ("abort -y", "abort", {"job": None, "yes": True}),
    ],
)
def test_lines_that_make_sense(line: str, verb: str, arguments: dict[str, object]) -> None:
    found, got = parse(VERBS, line)
    assert (found.name, got) == (verb, arguments)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sumbit hello", "did you mean 'submit'?"),
        ("montior", "did you mean 'monitor'?"),
        ("xyzzy", "%flare help lists the verbs"),
        ("help sumbit", "did you mean 'submit'?"),
        ("monitor --wiat", "did you mean '--wait'?"),
        ("monitor a b", "does not know 'b'"),
        ("submit", "required: FOLDER"),
        ("up -n two", "invalid int value: 'two'"),
        ("up --site 3", "did you mean '--sites'?"),
        ("submit 'hello", "no closing quotation"),
    ],
)
def test_lines_that_do_not_are_refused_in_one_line(line: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(VERBS, line)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("%flare")


@pytest.mark.parametrize("line", ["", "help", "-h", "--help"])
def test_help_lists_all_verbs(line: str) -> None:
    assert parse(VERBS, line) == (None, None)
    text = help_all(VERBS)
    assert all(f"%flare {verb}" in text for verb in VERBS)


@pytest.mark.parametrize("verb", sorted(ISSUE_VERBS))
def test_every_verb_explains_itself(verb: str) -> None:
    for line in (f"help {verb}", f"{verb} -h", f"{verb} --help"):
        found, arguments = parse(VERBS, line)
        assert found is VERBS[verb]
        assert arguments is None
    assert VERBS[verb].summary.endswith(".")
    assert VERBS[verb].summary in VERBS[verb].help()
