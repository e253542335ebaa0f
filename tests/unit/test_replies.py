"""What a server's answer means: the same as to nvflare's own client."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nvflare.fuel.flare_api import flare_api as theirs
from nvflare.fuel.hci.client.api import AdminAPI
from nvflare.fuel.hci.proto import MetaStatusValue, ReplyKeyword

from flare_widgets import errors
from flare_widgets.api.reply_errors import check
from flare_widgets.wire.hci import Reply

STATUSES = sorted({v for k, v in vars(MetaStatusValue).items() if not k.startswith("_") and isinstance(v, str)})
KEYWORDS = sorted({v for k, v in vars(ReplyKeyword).items() if not k.startswith("_") and isinstance(v, str)})

#: Where ours raises another exception than nvflare's client, and why.
BETTER = {
    # nvflare raises RuntimeError for what its table does not know: a command's own exceptions should be the API's.
    ("RuntimeError", "InvalidTarget"): "an unknown site, said in the text only",
    ("RuntimeError", "InternalError"): "an answer without items",
}


class FakeApi:
    """Takes the place of the connection of nvflare's session: the server has answered."""

    closed = False
    session_expired_reason = None

    def __init__(self, items: list[Any], meta: dict[str, Any]) -> None:
        self._result: dict[str, Any] = {"time": "", "data": items}
        if meta:
            self._result["meta"] = meta

    def do_command(self, command: str, props: Any = None) -> dict[str, Any]:
        return {**self._result, "status": AdminAPI._determine_api_status(None, self._result)}


def their_outcome(items: list[Any], meta: dict[str, Any]) -> str:
    """The exception's name, or nothing when all is well."""
    session = object.__new__(theirs.Session)
    session.api = FakeApi(items, meta)
    try:
        session._do_command("some_command x")
    except Exception as error:
        return type(error).__name__
    return ""


def our_outcome(items: list[Any], meta: dict[str, Any]) -> str:
    try:
        check("some_command x", Reply(tuple(items), meta))
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
META = st.just({}) | st.fixed_dictionaries(
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
def test_the_same_answer_has_the_same_outcome(items: list[Any], meta: dict[str, Any]) -> None:
    theirs_is, ours_is = their_outcome(items, meta), our_outcome(items, meta)
    assert ours_is == theirs_is or (theirs_is, ours_is) in BETTER


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_of_nvflare_has_the_same_outcome(status: str) -> None:
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
def test_what_is_only_said_in_text_counts(text: str, kind: type[Exception], item: str) -> None:
    for meta in ({}, {"status": "ok"}):
        with pytest.raises(kind):
            check("x", Reply(({"type": item, "data": text},), meta))


def test_what_is_said_in_text_does_not_count_when_it_succeeded() -> None:
    items = ({"type": "string", "data": "unknown site"}, {"type": "success", "data": ""})
    assert check("x", Reply(items, {"status": "ok", "a": 1})) == {"status": "ok", "a": 1}


def test_some_commands_have_no_meta() -> None:
    reply = Reply(({"type": "success", "data": ""},))
    assert check("x", reply, needs_meta=False) == {}
    with pytest.raises(errors.InternalError, match="'some_verb' has no meta"):
        check("some_verb with arguments", reply)


def test_a_conflict_says_whose_the_token_is() -> None:
    with pytest.raises(errors.SubmitTokenConflict, match="other content") as caught:
        check("x", Reply((), {"status": "submit_token_conflict", "job_id": "j"}))
    assert caught.value.existing_job_id == "j"


def test_a_deleted_job_says_what_is_known() -> None:
    meta = {
        "status": "submit_token_job_deleted",
        "info": "gone",
        "job_id": "j",
        "submit_record_state": "DELETED",
        "deleted_time": "yesterday",
    }
    with pytest.raises(errors.SubmitTokenJobDeleted, match="gone") as caught:
        check("x", Reply((), meta))
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
def test_what_went_wrong_is_said_in_words(status: str, says: str) -> None:
    with pytest.raises(errors.FlareError) as caught:
        check("some_verb x", Reply((), {"status": status, "info": "words"}))
    assert says in str(caught.value)


@pytest.mark.parametrize("braces", ["{info}", "{0}", "{", "%s"])
def test_braces_in_what_the_server_says_do_no_harm(braces: str) -> None:
    with pytest.raises(errors.JobNotFound) as caught:
        check("x", Reply((), {"status": "invalid_job_id", "info": braces}))
    assert braces in str(caught.value)


ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2)


@given(
    st.lists(st.dictionaries(st.sampled_from(["type", "data"]), ANYTHING), max_size=3),
    st.dictionaries(st.sampled_from(["status", "info", "job_id"]), ANYTHING),
)
def test_any_answer_is_taken_or_a_flare_error(items: list[Any], meta: dict[str, Any]) -> None:
    outcome = our_outcome(items, meta)  # raises what is not a FLARE error
    assert outcome == "" or hasattr(errors, outcome)
