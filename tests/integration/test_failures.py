"""Diagnosis of failed jobs on real federations: every way to end badly, and its sentence."""

from __future__ import annotations

import os
import re

import pytest
from failing_jobs import ALIKE
from failure_sentences import SENTENCES, UNALIGNED, sentence_of
from failures import everything

from flare_widgets.monitoring import Evidence, Failure, diagnose

# The unit tests have the recordings of all.
LEFT_OUT: frozenset[str] = frozenset() if os.environ.get("FULL") else ALIKE


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Evidence], float]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return everything(tmp_path_factory.mktemp("failures"), LEFT_OUT)


@pytest.fixture(scope="module")
def failed(known: tuple[dict[str, Evidence], float]) -> dict[str, Failure | None]:
    return {case: diagnose(evidence) for case, evidence in known[0].items()}


def said(failure: Failure | None) -> str:
    assert failure is not None
    return failure.sentence


@pytest.mark.parametrize("case", [case for case in SENTENCES if case not in LEFT_OUT])
def test_sentence(failed: dict[str, Failure | None], case: str) -> None:
    kind, site, number, place, _ = SENTENCES[case]
    failure = failed[case]
    assert failure is not None
    assert failure.sentence == sentence_of(case, failure.sentence)
    if case == "aborted":
        number = failure.round
    assert (failure.kind, failure.site, failure.round) == (kind, site, number)
    assert (failure.file, failure.line, failure.function) == place


def test_harm_from_outside(failed: dict[str, Failure | None]) -> None:
    assert re.fullmatch(
        r"The server was restarted while the job was running in round \d+; FLARE does not resume such a job, "
        "although its status stays RUNNING",
        said(failed["server-restarted"]),
    )
    assert re.fullmatch(
        r"site-1 no longer runs the job \(probably restarted in round \d+\), and FLARE does not notice: "
        "the job may wait forever",
        said(failed["site-restarted"]),
    )
    for case in ("site-hung", "site-lost"):
        assert re.fullmatch(
            r"The server lost site-2 in round \d+: 1 of the 2 sites that the job needs was left", said(failed[case])
        )
    hung, lost = failed["site-hung"], failed["site-lost"]
    assert hung is not None
    assert "site-2's log: the site is not connected to the server" in hung.missing[0]
    assert lost is not None
    assert lost.missing == ()
    assert said(failed["site-refuses"]) == "site-1 did not accept the job: BYOC not permitted"


def test_silent_site_costs_one_timeout(
    known: tuple[dict[str, Evidence], float], failed: dict[str, Failure | None]
) -> None:
    evidence, seconds = known
    assert 1 < seconds < 9
    assert failed["site-silent"] is None  # the job may yet go on
    assert [m for m in evidence["site-silent"].missing if m.startswith("site-2's log: no answer in time")]
    assert {log.of for log in evidence["site-silent"].logs} == {"server", "site-1"}


def test_earlier_site_errors_replace_missing_log(
    known: tuple[dict[str, Evidence], float], failed: dict[str, Failure | None]
) -> None:
    assert said(failed["script-exception-silent"]) == SENTENCES["script-exception"][-1]
    silent = "site-2's log, of which only the errors were sent to the server: no answer in time"
    assert [m[: len(silent)] for m in known[0]["script-exception-silent"].missing] == [silent]


def test_lead_sees_sites_and_member_nothing(failed: dict[str, Failure | None]) -> None:
    assert said(failed["script-exception-lead"]) == f"site-2 failed, in train.py line 11: {UNALIGNED}"
    assert said(failed["aborted-lead"]) == "The job was aborted by admin@nvidia.com"
    server = failed["server-exception-lead"]
    assert server is not None
    (missing,) = server.missing
    assert missing.startswith("the server's log of the job: your role (lead) may not read it; it is in workspace/log")
    member = failed["hard-exit-member"]
    assert said(member) == "The job ended as FINISHED:EXECUTION_EXCEPTION; no log that can be read says why"
    assert member is not None
    assert [m.partition(":")[0] for m in member.missing] == [
        "the server's log of the job",
        "site-1's log",
        "site-2's log",
    ]
    assert all("your role (member) may not read it" in m for m in member.missing)
