"""Hostile inputs of all kinds, the short form of ``make hostile``; and that it notices harm."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile import mutations, run
from hostile.page import find_active_content
from hostile.run import attack, format_table

INPUTS = 6000 if os.environ.get("FULL") else 600


def test_hostile_inputs_do_no_harm() -> None:
    outcomes = attack(INPUTS, 1)
    assert all(outcome.is_harmless for outcome in outcomes), "\n".join(
        [format_table(outcomes), *(example for outcome in outcomes for example in outcome.examples)]
    )
    assert sum(outcome.inputs for outcome in outcomes) >= INPUTS
    # Whoever rejects everything proves nothing.
    assert sum(outcome.read for outcome in outcomes) > INPUTS / 3, format_table(outcomes)
    assert {outcome.kind for outcome in outcomes if not outcome.read} <= {"logins, transfers"}


def execute(source: random.Random, folder: Path) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def crash(source: random.Random, folder: Path) -> None:
    raise KeyError("x")


def hang(source: random.Random, folder: Path) -> None:
    until = time.thread_time() + 0.2
    while time.thread_time() < until:
        pass


def leak(source: random.Random, folder: Path) -> None:
    logging.getLogger("flare_widgets").error(mutations.SECRET)


@pytest.mark.parametrize(
    ("harm", "counter"), [(execute, "executed"), (crash, "crashed"), (hang, "hung"), (leak, "leaked")]
)
def test_harm_is_noticed(harm: Callable[..., Any], counter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "KINDS", {"harm": (harm, (), 1.0)})
    monkeypatch.setattr(run, "MAX_INPUT_S", 0.1 if harm is hang else 60.0)
    (outcome,) = attack(10, 1)
    assert not outcome.is_harmless
    assert getattr(outcome, counter) == 10
    assert outcome.examples


@pytest.mark.parametrize(
    "page",
    [
        "<p><script>x</script></p>", "<b onclick=x>", "<svg><image href='https://x/'/></svg>",
        "<a href='javascript:x'>",
        "<p style='background: url(https://x)'>", "<style>@import 'https://x';</style>", "<iframe src='//x'></iframe>",
    ],
)  # fmt: skip
def test_active_content_of_page_is_found(page: str) -> None:
    assert find_active_content(page)


def test_text_about_active_content_is_none() -> None:
    assert find_active_content("<p title='onclick=x'>&lt;script&gt; url(x)</p><style>p { color: red }</style>") == []


def connect_elsewhere(source: random.Random, folder: Path) -> None:
    with socket.socket() as there, contextlib.suppress(OSError):
        there.connect(("127.0.0.1", 9))


def test_connection_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "KINDS", {"harm": (connect_elsewhere, (), 1.0)})
    (outcome,) = attack(10, 1)
    assert outcome.executed == 10
