"""Every block of code in the documentation can be read as what it says it is."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from blocks import INFO, ROOT, Block, blocks, commands, magic_lines, missing_imports, name, pages, without_magics
from IPython.core.inputtransformer2 import TransformerManager

from flare_widgets import cli
from flare_widgets.magics.cell import CELL_MAGIC
from flare_widgets.magics.parsing import parse_line
from flare_widgets.magics.verbs import VERBS

READ = [*pages(), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"]
PAGES = pytest.mark.parametrize("page", READ, ids=name)


def _of(page: Path, *languages: str) -> list[Block]:
    return [block for block in blocks(page) if block.info.partition(" ")[0] in languages]


@PAGES
def test_each_block_says_what_it_is(page: Path) -> None:
    assert {block.info for block in blocks(page)} <= INFO
    assert page.read_text().count("\n```") == 2 * len(blocks(page))


@PAGES
def test_python_blocks_compile_and_import(page: Path) -> None:
    for block in _of(page, "python"):
        where = f"{page}:{block.line}"
        python = without_magics(block.code)
        assert not missing_imports(python), where
        transformed = TransformerManager().transform_cell(block.code)
        compile(transformed, where, "exec", flags=__import__("ast").PyCF_ALLOW_TOP_LEVEL_AWAIT)


@PAGES
def test_lines_of_magic_parse(page: Path) -> None:
    for block in _of(page, "python"):
        for line in magic_lines(block.code):
            verb, arguments = parse_line(VERBS, line)
            assert verb is not None, f"{page}:{block.line}: {line}"
            assert arguments is not None or "-h" in line
        if block.code.startswith("%%flare"):
            words = shlex.split(block.code.partition("\n")[0])[1:]
            CELL_MAGIC.parser.parse_args(words)


@PAGES
def test_verbs_named_in_text_are_verbs(page: Path) -> None:
    for verb in re.findall(r"`%flare (\w+)", page.read_text()):
        assert verb in VERBS or verb == "VERB", verb


@PAGES
def test_relative_links_lead_somewhere(page: Path) -> None:
    """As they are read on GitHub; that they and their anchors are right in the site, its build checks."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)[^)]*\)", page.read_text()):
        assert (page.parent / target).exists(), target


@PAGES
def test_json_is_json(page: Path) -> None:
    for block in _of(page, "json"):
        json.loads(block.code)


_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def _make(words: list[str]) -> None:
    for target in words:
        assert "=" in target or target in _TARGETS or target.startswith("matrix-"), target


def _flare_widgets(words: list[str]) -> None:
    cli.make_parser().parse_args(words)


def _pip(words: list[str]) -> None:
    assert words[0] == "install"
    for extra in re.findall(r"\[(\w+)\]", " ".join(words)):
        assert re.search(rf"^{extra} = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE), extra


def _export(words: list[str]) -> None:
    variable, _, value = words[0].partition("=")
    assert value
    assert variable in (ROOT / "docs" / "hooks.py").read_text() or variable in _variables(), variable


def _variables() -> set[str]:
    from traitlets.config import Config

    from flare_widgets.config import FlareWidgets
    from flare_widgets.wire.transports.proxy import PROXY_VARIABLE

    # The proxy is the wire's, which knows no settings.
    return {row.variable for row in FlareWidgets(environ={}, config=Config()).settings()} | {PROXY_VARIABLE}


_COMMANDS = {
    "cd": lambda words: None,
    "export": _export,
    "flare-widgets": _flare_widgets,
    "git": lambda words: None,
    "jupyter": lambda words: None,
    "make": _make,
    "pip": _pip,
}


@PAGES
def test_shell_commands_exist_and_accept_arguments(page: Path) -> None:
    for block in _of(page, "shell"):
        subprocess.run(["bash", "-n"], input=block.code, text=True, check=True)
        for line in commands(block.code):
            word, *rest = shlex.split(line, comments=True)
            assert word in _COMMANDS, f"{page}:{block.line}: {line}"
            try:
                _COMMANDS[word](rest)
            except SystemExit:
                pytest.fail(f"{page}:{block.line}: {line}")


def test_wrong_block_is_found() -> None:
    """The checks above can fail."""
    assert missing_imports("from flare_widgets import connect, nothing_of_the_kind") == [
        "flare_widgets.nothing_of_the_kind"
    ]
    assert magic_lines("job = %flare submit jobs/hello\n    %flare jobs") == ["submit jobs/hello", "jobs"]
    assert commands("# a comment\njob=$(flare-widgets submit jobs/hello)\n") == ["flare-widgets submit jobs/hello"]
    with pytest.raises(SystemExit):
        _flare_widgets(["jobs", "--no-such-option"])
    with pytest.raises(AssertionError):
        _make(["no-such-target"])
