"""The words of a line: quotes, backslashes, brackets, comments, and words that look like variables."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError
from shells import flare, ipython, said

from flare_widgets.magics.parsing import Verb, parse_line
from flare_widgets.magics.verbs import VERBS
from flare_widgets.magics.words import explain_variables, split_words, strip_comment
from flare_widgets.monitoring import JobSnapshot


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        ("up   # a server's sites", "up   "),
        ("# nothing", ""),
        ("up #", "up "),
        ("grep server '# x' a", "grep server '# x' a"),
        ('grep server "it\'s # x"', 'grep server "it\'s # x"'),
        ("cat server a#b", "cat server a#b"),
        ("grep server #define", "grep server #define"),
        ("monitor", "monitor"),
    ],
)
def test_comments_are_left_out(line: str, rest: str) -> None:
    assert strip_comment(line) == rest


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  submit  jobs/hello ", ["submit", "jobs/hello"]),
        ("""submit "/tmp/my jobs/it's" ''""", ["submit", "/tmp/my jobs/it's", ""]),
        (r"submit /tmp/my\ jobs", ["submit", "/tmp/my jobs"]),
        (r"check C:\kits\admin@nvidia.com", ["check", r"C:\kits\admin@nvidia.com"]),
        (r"""check "C:\my kits\admin" """, ["check", r"C:\my kits\admin"]),
        (r"logs --grep \d+\.\d", ["logs", "--grep", r"\d+\.\d"]),
        (r"grep server 'a\.b'", ["grep", "server", r"a\.b"]),
        (r"""a "say \"x\" \\" """, ["a", 'say "x" \\']),
        ("a\\", ["a\\"]),
        ("submit [x y]", ["submit", "[x", "y]"]),
    ],
)
def test_line_is_split_like_in_shell(line: str, words: list[str]) -> None:
    assert split_words(line) == words


@pytest.mark.parametrize(
    "line", [r"check C:\kits\admin", r"check \\share\kits\admin", r"""check "C:\my kits\\" """, r"check C:\a\_b"]
)
def test_backslash_is_part_of_path_on_windows(line: str) -> None:
    path = line.removeprefix("check ").strip().strip('"')
    assert split_words(line, escapes=False) == ["check", path]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--model [0, 0] --rounds 3", ["--model", "[0, 0]", "--rounds", "3"]),
        ("--model=[0, 0]", ["--model=[0, 0]"]),
        ("--model [[0, 1], (2, 3)] x", ["--model", "[[0, 1], (2, 3)]", "x"]),
        ("""--model {'a': [1, 2], "b ]": 3}""", ["--model", """{'a': [1, 2], "b ]": 3}"""]),
        ("--model '[0, 0]'", ["--model", "[0, 0]"]),
        ("--name a[0 b", ["--name", "a[0", "b"]),
        ("--model [0, 0", ["--model", "[0,", "0"]),
        ("--model [0, 0)", ["--model", "[0,", "0)"]),
        ("--arg sizes=[1, 2]", ["--arg", "sizes=[1, 2]"]),
    ],
)
def test_brackets_quote_literals_of_cell(line: str, words: list[str]) -> None:
    assert split_words(line, literals=True) == words


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=5))
def test_quoted_words_arrive_unchanged(words: list[str]) -> None:
    assert split_words(shlex.join(words)) == words


@given(st.text(max_size=60), st.booleans(), st.booleans())
def test_any_line_is_split_or_refused(line: str, literals: bool, escapes: bool) -> None:
    try:
        words = split_words(line, literals=literals, escapes=escapes)
    except ValueError:
        assert "'" in line or '"' in line
    else:
        assert all(isinstance(word, str) for word in words)


VARIABLES: dict[str, Any] = {
    "job": "76b8f0c2", "folder": Path("/tmp/my jobs"), "handle": SimpleNamespace(job_id="76b8f0c2"), "print": print,
    "count": 3, "end": JobSnapshot("76b8f0c2-1111", name="hello"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["job"], "For the value of the variable job, write {job}."),
        (["--wait", "folder"], "For the value of the variable folder, write {folder}."),
        (["handle"], "For the job in the variable handle, write {handle.job_id}."),
        (["hello", "76b8f0c2", "asking", "the", "server"], "For the job in the variable end, write {end.job_id}."),
        (["{foldr}"], "The notebook has no variable 'foldr'."),
        (["{foldr}/hello"], "The notebook has no variable 'foldr'."),
        (["hello", "print", "count", "a{3}", "{job}"], ""),
    ],
)
def test_words_that_mean_variables_are_explained(words: list[str], hint: str) -> None:
    assert explain_variables(words, VARIABLES) == hint


PATHS = ["/tmp/my jobs/hello", "/tmp/Ann's jobs/hello", "/tmp/a  b/c#d"]


def takes_one_word(verb: Verb) -> bool:
    return any(option.completes in ("kits", "folders", "sessions", "jobs") and "nargs" not in option.kwargs
               and not option.flags[0].startswith("-") for option in verb.options)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if takes_one_word(verb)])
def test_quoted_variable_is_one_word(name: str, path: str) -> None:
    _, arguments = parse_line(VERBS, f'{name} "{path}"')
    assert arguments is not None
    assert path in arguments.values()


@pytest.mark.parametrize("name", ["connect", "check", "submit", "use", "close"])
def test_unquoted_variable_with_spaces_says_quote_it(name: str) -> None:
    with pytest.raises(UsageError, match=r'into double quotes, also a variable\'s: "\{folder\}"'):
        parse_line(VERBS, f"{name} /tmp/my jobs/hello")


@pytest.mark.parametrize("folder", PATHS)
@pytest.mark.parametrize("line", ["submit {folder}", "submit $folder", "connect {folder}", "check {folder} --offline"])
def test_substituted_path_with_spaces_says_quote_it(line: str, folder: str) -> None:
    """As a cell: IPython puts the bare text in the variable's place before the line is read."""
    with ipython() as shell:
        shell.user_ns["folder"] = folder
        bare = said(shell, f"%flare {line}")
        verb, variable = line.split()[:2]
        quoted = said(shell, f"%flare {line.replace(variable, chr(34) + variable + chr(34))}")
    assert re.search("unexpected word|no closing quotation", bare, re.IGNORECASE)
    assert 'into double quotes, also a variable\'s: "{folder}"' in bare
    assert re.search("not connected" if verb == "submit" else r"there is no startup kit at|no such folder", quoted)


def test_line_in_notebook_explains_variable(tmp_path: Path) -> None:
    with ipython() as shell:
        shell.user_ns["kit"] = str(tmp_path / "my kit")
        with pytest.raises(UsageError, match=r"no such folder.* write \{kit\}"):
            flare(shell, "connect kit")
        with pytest.raises(UsageError, match="no variable 'kitt'"):
            flare(shell, "connect {kitt}")
        with pytest.raises(UsageError, match=r"path of Windows"):
            flare(shell, r"connect C:\kits\admin@nvidia.com")
