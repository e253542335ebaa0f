"""Configuration files in FLARE's formats, also hostile ones."""

from __future__ import annotations

import importlib.util
import json
import re
import time
from pathlib import Path

import pytest

from flare_widgets.config_files import MAX_CHARS, ConfigFileError, parse_config, resolve_variables

SERVER = {
    "num_rounds": 3,
    "workflows": [{"id": "sag", "path": "nvflare.x.ScatterAndGather", "args": {"num_rounds": "{num_rounds}"}}],
    "components": [],
}

YAML = """
num_rounds: 3
workflows:
  - id: sag
    path: nvflare.x.ScatterAndGather
    args: {num_rounds: "{num_rounds}"}
components: []
"""

HOCON = """
// as FLARE's templates write it
num_rounds = 3
workflows = [
  {
    id = sag  # a name
    path = "nvflare.x.ScatterAndGather"
    args.num_rounds = "{num_rounds}"
  }
]
components = []
"""


@pytest.mark.parametrize(("text", "suffix"), [(json.dumps(SERVER), ".json"), (YAML, ".yml"), (HOCON, ".conf")])
def test_formats_agree(text: str, suffix: str) -> None:
    assert parse_config(text, suffix) == SERVER


def test_variable_is_replaced_with_its_type() -> None:
    config = resolve_variables({**SERVER, "name": "run {num_rounds} of {unknown}", "label": "{name}"})
    assert config["workflows"][0]["args"]["num_rounds"] == 3
    assert config["name"] == config["label"] == "run 3 of {unknown}"


def test_variable_loop_ends() -> None:
    assert resolve_variables({"a": "{b}", "b": "{a}", "c": ["{$HOME}", "{d}"]})["c"] == ["{$HOME}", "{d}"]


@pytest.mark.skipif(importlib.util.find_spec("nvflare") is None, reason="needs the extra 'local'")
def test_hocon_of_flares_templates_agrees_with_pyhocon() -> None:
    from pyhocon import ConfigFactory

    spec = importlib.util.find_spec("nvflare")
    assert spec is not None
    assert spec.origin is not None
    seen: set[str] = set()
    compared = 0
    for file in sorted(Path(spec.origin).parent.rglob("*.conf"), key=lambda file: file.stat().st_size):
        text = file.read_text()
        # pyhocon is slow: a file is left out if each of its lines is like one that was read, but for names and values.
        kinds = {re.sub(r"[\w.\"'-]+", "x", line.strip()) for line in text.splitlines()}
        if not kinds - seen:
            continue
        seen |= kinds
        compared += 1
        theirs = ConfigFactory.parse_string(text).as_plain_ordered_dict()
        assert parse_config(text, ".conf") == json.loads(json.dumps(theirs)), file.name
    assert compared > 20
    assert len(seen) > 100


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 1\nb = ${a}", {"a": 1, "b": 1}),
        ("a = x\nb = p/${a}/q", {"a": "x", "b": "p/x/q"}),
        ("a { b = 2 }\nc = ${a.b}", {"a": {"b": 2}, "c": 2}),
        ('a = 1\nb = "${a}"', {"a": 1, "b": "${a}"}),
        ("a = ${b}\nb = ${a}", {"a": "${b}", "b": "${a}"}),
    ],
)
def test_hocon_substitution_is_of_the_file(text: str, value: object) -> None:
    assert parse_config(text, ".conf") == value


@pytest.mark.parametrize(
    "text", ["a = ${HOME}", "HOME = ${HOME}", 'a = "${HOME}"', 'a = """${HOME}"""', "a = x${?HOME}"]
)
def test_hocon_environment_is_not_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "a-secret")
    assert "a-secret" not in str(parse_config(text, ".conf"))


@pytest.mark.parametrize(
    "text",
    [
        'include "FILE"',
        'INCLUDE "FILE"',
        '\u0131nclude "FILE"',  # upper case, as pyparsing compares it, is INCLUDE too
        'a = include "FILE"',
        'a = [include file("FILE")]',
        'include required(file("FILE"))',
        'include url("file://FILE")',
        'include package("flare_widgets:py.typed")',
        'a // b = include "FILE"',
        'a = http://x include "FILE"',
        'a = 1 // """\ninclude "FILE"\n"""',
        'a = "\ninclude "FILE"',
    ],
)
def test_hocon_include_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "other.conf").write_text("secret = found")
    with pytest.raises(ConfigFileError, match="includes other files"):
        parse_config(text.replace("FILE", str(tmp_path / "other.conf")), ".conf")


def test_hocon_include_in_comment_is_ignored() -> None:
    assert parse_config('# include "base.conf"\na = 1', ".conf") == {"a": 1}


YAML_BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)
)
HOCON_BOMB = "\n".join(f"a{i} = [{', '.join([f'${{a{i - 1}}}'] * 30)}]" for i in range(1, 9)) + "\na0 = x"
VARIABLE_BOMB = json.dumps({f"v{i}": f"{{v{i + 1}}}" * 100 for i in range(20)})


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("[" * 5_000, ".json"),
        ("[" * 5_000, ".yml"),
        ("- " * 5_000 + "1", ".yml"),
        ("a = " + "[" * 5_000, ".conf"),
        ("x" * (MAX_CHARS + 1), ".json"),
        ("a: !!python/object/apply:os.system [id]", ".yml"),
        ("a: {b: &x {c: *x}}", ".yml"),
        (YAML_BOMB, ".yml"),
        (HOCON_BOMB, ".conf"),
        ("a = 1\n" * 4_000, ".conf"),
        ("a = [1]\na += 2", ".conf"),
        ("a = ${b", ".conf"),
        ("[1, 2]", ".conf"),
        ("3", ".json"),
        ("nothing", ".yml"),
        ("", ".json"),
        ("a: \x00", ".yml"),
    ],
)
def test_hostile_file_is_one_error(text: str, suffix: str) -> None:
    began = time.process_time()
    with pytest.raises(ConfigFileError):
        parse_config(text, suffix)
    assert time.process_time() - began < 2


def test_hostile_variables_stay_small() -> None:
    assert len(str(resolve_variables(parse_config(VARIABLE_BOMB, ".json")))) < 500_000
