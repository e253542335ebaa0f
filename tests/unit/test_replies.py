"""Meaning of a server's answer: the same as to nvflare's own client."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import FakeAdminApi
from hypothesis import example, given
from hypothesis import strategies as st
from nvflare.fuel.flare_api import flare_api as theirs
from nvflare.fuel.hci.proto import MetaStatusValue, ReplyKeyword

from flare_widgets import errors
from flare_widgets.api.reply_errors import check_reply
from flare_widgets.wire.hci import CommandReply

STATUSES = sorted({v for k, v in vars(MetaStatusValue).items() if not k.startswith("_") and isinstance(v, str)})
KEYWORDS = sorted({v for k, v in vars(ReplyKeyword).items() if not k.startswith("_") and isinstance(v, str)})

#: Where ours raises another exception than nvflare's client, and why.
BETTER = {
    # nvflare raises RuntimeError for what its table does not know: a command's own exceptions should be the API's.
    ("RuntimeError", "InvalidTarget"): "an unknown site, said in the text only",
    ("RuntimeError", "InternalError"): "an answer without items",
}


def their_outcome(items: list[Any], meta: dict[str, Any]) -> str:
    """The exception's name, or nothing when all is well."""
    session = object.__new__(theirs.Session)
    session.api = FakeAdminApi({"time": "", "data": items, **({"meta": meta} if meta else {})})
    try:
        session._do_command("some_command x")
    except Exception as error:
        return type(error).__name__
    return ""


def our_outcome(items: list[Any], meta: dict[str, Any]) -> str:
    try:
        check_reply("some_command x", CommandReply(tuple(items), meta))
    except errors.FlareError as error:
        return type(error).__name__
    return ""


ITEMS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["string", "success", "error", "dict", "table"]),
            "data": st.sampled_from([*KEYWORDS, "", "fine", "not authorized to do that"]),
        }
    ),
    max_size=3,
)
META: st.SearchStrategy[dict[str, str]] = st.just({}) | st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from([*STATUSES, "something else"]),
        "info": st.sampled_from(["", "words", "no clients available"]),
        "job_id": st.just("j"),
    },
)


@given(ITEMS, META)
@example([], {})
@example([], {"status": "ok"})
@example([{"type": "string", "data": "invalid client: x"}], {"status": "ok"})
def test_same_answer_has_same_outcome(items: list[Any], meta: dict[str, Any]) -> None:
    theirs_is, ours_is = their_outcome(items, meta), our_outcome(items, meta)
    assert ours_is == theirs_is or (theirs_is, ours_is) in BETTER


@pytest.mark.parametrize("status", STATUSES)
def test_statuses_map_to_nvflare_outcomes(status: str) -> None:
    items = [{"type": "error", "data": "words"}]
    meta = {"status": status, "info": "words"}
    assert our_outcome(items, meta) == their_outcome(items, meta)
    assert (our_outcome(items, meta) == "") == (status == "ok")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("session_inactive", errors.SessionClosed),
        ("Failed to communicate with the sites", errors.NoConnection),
        ("wrong server", errors.NoConnection),
        ("unknown site: x", errors.InvalidTarget),
        ("invalid client: x", errors.InvalidTarget),
        ("user is not authorized", errors.AuthorizationError),
    ],
)
@pytest.mark.parametrize("item", ["string", "error"])
def test_error_only_in_text_is_raised(text: str, kind: type[Exception], item: str) -> None:
    for meta in ({}, {"status": "ok"}):
        with pytest.raises(kind):
            check_reply("x", CommandReply(({"type": item, "data": text},), meta))


def test_error_text_ignored_after_success() -> None:
    items = ({"type": "string", "data": "unknown site"}, {"type": "success", "data": ""})
    assert check_reply("x", CommandReply(items, {"status": "ok", "a": 1})) == {"status": "ok", "a": 1}


def test_some_commands_have_no_meta() -> None:
    reply = CommandReply(({"type": "success", "data": ""},))
    assert check_reply("x", reply, needs_meta=False) == {}
    with pytest.raises(errors.InternalError, match="'some_verb' has no meta"):
        check_reply("some_verb with arguments", reply)


def test_conflict_says_whose_token_is() -> None:
    with pytest.raises(errors.SubmitTokenConflict, match="other content") as caught:
        check_reply("x", CommandReply((), {"status": "submit_token_conflict", "job_id": "j"}))
    assert caught.value.existing_job_id == "j"


def test_deleted_job_says_what_is_known() -> None:
    meta = {
        "status": "submit_token_job_deleted",
        "info": "gone",
        "job_id": "j",
        "submit_record_state": "DELETED",
        "deleted_time": "yesterday",
    }
    with pytest.raises(errors.SubmitTokenJobDeleted, match="gone") as caught:
        check_reply("x", CommandReply((), meta))
    assert (caught.value.job_id, caught.value.state, caught.value.deleted_time) == ("j", "DELETED", "yesterday")


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("invalid_job_id", "no such job: words"),
        ("job_running", "job words is still running"),
        ("job_not_running", "job words is not running"),
        ("clients_running", "shut them down first"),
        ("not_authorized", "your role does not permit 'some_verb': words"),
        ("invalid_job_def", "invalid job definition: words"),
        ("something else", "something else: words"),
    ],
)
def test_status_error_has_readable_message(status: str, says: str) -> None:
    with pytest.raises(errors.FlareError) as caught:
        check_reply("some_verb x", CommandReply((), {"status": status, "info": "words"}))
    assert says in str(caught.value)


@pytest.mark.parametrize("braces", ["{info}", "{0}", "{", "%s"])
def test_braces_in_server_message_are_kept(braces: str) -> None:
    with pytest.raises(errors.JobNotFound) as caught:
        check_reply("x", CommandReply((), {"status": "invalid_job_id", "info": braces}))
    assert braces in str(caught.value)


ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)


@given(
    st.lists(st.dictionaries(st.sampled_from(["type", "data"]), ANYTHING), max_size=3),
    st.dictionaries(st.sampled_from(["status", "info", "job_id"]), ANYTHING),
)
def test_any_answer_accepted_or_flare_error(items: list[Any], meta: dict[str, Any]) -> None:
    outcome = our_outcome(items, meta)  # raises what is not a FLARE error
    assert outcome == "" or hasattr(errors, outcome)
