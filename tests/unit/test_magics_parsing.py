"""``%flare``'s words: what is understood, what is refused, and how; and that help teaches."""

from __future__ import annotations

import re

import pytest
from IPython.core.error import UsageError

from flare_widgets.magics.parsing import format_verb_list, parse_line
from flare_widgets.magics.question_mark import rewrite_questions
from flare_widgets.magics.verbs import VERBS

PROMISED = (
    "connect close sessions use kits check status sites jobs submit monitor wait meta logs errors stats clone abort "
    "delete download components studies study ls cat tail head grep pwd resources versions restart shutdown disable "
    "enable up down config help"
)


def test_every_verb_that_was_promised_exists() -> None:
    assert set(VERBS) >= set(PROMISED.split())
    assert all(name == verb.name for name, verb in VERBS.items())


@pytest.mark.parametrize(
    ("line", "verb", "arguments"),
    [
        ("up", "up", {"sites": None, "name": None, "keep": None}),
        ("up -n 3", "up", {"sites": 3}),
        ("up --sites=hospital-a,hospital-b", "up", {"sites": ["hospital-a", "hospital-b"]}),
        ("up --users ada@x=lead,bob@x=member", "up", {"users": {"ada@x": "lead", "bob@x": "member"}}),
        ("up --keep", "up", {"keep": 600.0}),
        ("up --keep 60", "up", {"keep": 60.0}),
        ("down", "down", {"name": None, "all": False, "yes": False}),
        ("connect", "connect", {"kit": None, "name": None, "study": None, "timeout": None}),
        (
            "connect 'my kits/admin' --study heart --name h --timeout 3",
            "connect",
            {"kit": "my kits/admin", "study": "heart", "timeout": 3.0, "name": "h"},
        ),
        ("close", "close", {"name": None, "all": False}),
        ("jobs", "jobs", {"limit": 0, "name": None, "id": None, "oldest": False}),
        ("jobs -m 5", "jobs", {"limit": 5}),
        ("submit jobs/hello", "submit", {"folder": "jobs/hello", "token": None}),
        ("monitor", "monitor", {"job": None, "wait": False, "text": False}),
        ("monitor --wait 76b8", "monitor", {"job": "76b8", "wait": True}),
        ("abort -y", "abort", {"job": None, "yes": True}),
        ("abort --force", "abort", {"job": None, "yes": True}),
        ("logs 76b8 --site site-1 -f --level error", "logs", {"site": "site-1", "follow": True, "level": "ERROR"}),
        ("ls site-1 -al startup", "ls", {"target": "site-1", "path": "startup", "all": True, "long": True}),
        ("ls site-1", "ls", {"target": "site-1", "path": None, "all": False, "long": False}),
        ("tail server -n 5", "tail", {"target": "server", "file": "log.txt", "lines": 5}),
        ("restart client site-1", "restart", {"targets": ["client", "site-1"], "no_wait": False}),
        ("resources", "resources", {"targets": []}),
        ("study register heart --site-org o:s", "study", {"action": "register", "name": "heart", "site_org": ["o:s"]}),
        ("help monitor", "help", {"word": "monitor"}),
    ],
)
def test_lines_that_make_sense(line: str, verb: str, arguments: dict[str, object]) -> None:
    found, got = parse_line(VERBS, line)
    assert found.name == verb
    assert got is not None
    assert {**got, **arguments} == got


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sumbit hello", "did you mean 'submit'?"),
        ("montior", "did you mean 'monitor'?"),
        ("xyzzy", "%flare help lists all verbs"),
        ("monitor --wiat", "did you mean '--wait'?"),
        ("monitor a b", "unexpected word 'b'. Put a value that has spaces or quotes in it into double quotes"),
        ("status site-1", "unexpected word 'site-1'. It takes options only. See %flare status -h"),
        ("submit /tmp/my jobs/hello", "unexpected word 'jobs/hello'. Put a value that has spaces"),
        ("submit /tmp/Ann's jobs/hello", "no closing quotation in: submit /tmp/Ann's jobs/hello. Put a value that"),
        ("compare", "required: JOB"),
        ("up --site 3", "did you mean '--sites'?"),
        ("up --sites a,,b", "expected comma-separated names, got 'a,,b'"),
        ("up --users ada", "expected comma-separated NAME=VALUE pairs, got 'ada'"),
        ("jobs -n -1", "expected a number >= 0, got '-1'"),
        ("jobs -n many", "expected a number >= 0, got 'many'"),
        ("check --timeout 0", "expected a number of seconds > 0, got '0'"),
        ("check --timeout nan", "expected a number of seconds > 0, got 'nan'"),
        ("wait --timeout -1", "expected a number of seconds >= 0 (0 is no limit), got '-1'"),
        ("logs --level LOUD", "invalid choice: 'LOUD'"),
        ("study heart", "invalid choice: 'heart'"),
        ("submit 'hello", "no closing quotation"),
    ],
)
def test_invalid_line_gives_one_line_error(line: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_line(VERBS, line)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("%flare")


@pytest.mark.parametrize("line", ["", "-h", "--help", "?", "??"])
def test_help_lists_all_verbs(line: str) -> None:
    assert parse_line(VERBS, line) == (None, None)
    text = format_verb_list(VERBS.groups())
    assert all(f"%flare {verb} " in text for verb in VERBS)
    assert all(heading in text for heading in VERBS.groups())


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself_with_examples(verb: str) -> None:
    for line in (f"{verb} -h", f"{verb} x --help", f"{verb}?", f"{verb} ?", f"{verb} x ??"):
        found, arguments = parse_line(VERBS, line)
        assert found is VERBS[verb]
        assert arguments is None
    assert re.fullmatch(r"[A-Z].*\.", VERBS[verb].summary)
    assert VERBS[verb].summary in VERBS[verb].help()
    assert VERBS[verb].examples
    for option in VERBS[verb].options:
        assert option.kwargs.get("help"), option.flags


@pytest.mark.parametrize(("verb", "line"), [(verb.name, line) for verb in VERBS.values() for line, _ in verb.examples])
def test_every_example_is_one(verb: str, line: str) -> None:
    found, arguments = parse_line(VERBS, line.partition("%flare ")[2])
    assert found.name == verb
    assert arguments is not None
    commented = parse_line(VERBS, f"{line.partition('%flare ')[2]}  # as one's notes say")
    assert commented == (found, arguments)


@pytest.mark.parametrize(
    ("cell", "rewritten"),
    [
        ("%flare?", "%flare help"),
        ("%flare ?\n", "%flare help\n"),
        ("  %flare submit?\n", "  %flare help submit\n"),
        ("%flare submit jobs/x ??", "%flare help submit"),
        ("x = 1\n%flare abort?\n", "x = 1\n%flare help abort\n"),
        ("%%flare?", "%flare help %%flare\n"),
        ("%%flare -h\n\n", "%flare help %%flare\n"),
        ("%%flare ?\nimport nvflare\n", "%flare help %%flare\n"),
    ],
)
def test_question_mark_asks_for_help(cell: str, rewritten: str) -> None:
    assert "".join(rewrite_questions(cell.splitlines(keepends=True))) == rewritten


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "%flare submit jobs/x",
        "x = %flare jobs",
        "%flares?",
        "session.submit_job?",
        "%%bash\n%flare submit?",
        "%%flare -h\nimport nvflare",
        "%%flare --rounds 2\n%flare submit?",
        'text = """\n%flare submit?\n"""',
    ],
)
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert "".join(rewrite_questions(cell.splitlines(keepends=True))) == cell


def test_what_changes_something_is_known() -> None:
    changing = {name for name, verb in VERBS.items() if verb.is_mutating}
    assert changing >= {"submit", "clone", "abort", "delete", "restart", "shutdown", "disable", "enable", "up", "down"}
    assert not changing & {"status", "jobs", "monitor", "wait", "meta", "logs", "ls", "download", "connect", "check"}
