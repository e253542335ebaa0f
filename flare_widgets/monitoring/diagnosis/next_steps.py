"""Recommended next steps for failures. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from .model import Failure
from .phrasing import describe_place, is_cell

_UNSCHEDULABLE_HINTS = {
    True: "session.report_resources('client') shows what each site has.",
    False: "See which sites are connected.",
}

_MISSING_RELATIVE_PATH = re.compile(r"FileNotFoundError: .*'(?!/|\\\\|[A-Za-z]:)[^']+'")

_METHODS = {
    "missing-package": ("clone_job",),
    "unschedulable": ("abort_job", "submit_job"),
    "aborted": ("clone_job",),
    "site-lost": ("get_system_info", "clone_job"),
    "server-restarted": ("clone_job",),
    "unknown": (),
}
"""The methods of a session that do what is recommended, by kind of failure; of others it is ``submit_job``."""


def recommend_next_step(failure: Failure) -> Failure:
    """Return the failure with the recommended action, in a sentence or two, and the methods that do it."""
    # A job made of a cell is sent again by running the cell, for which there is no method.
    methods = _METHODS.get(failure.kind, () if is_cell(failure.file) else ("submit_job",))
    if failure.kind == "unschedulable" and not _lacks_resources(failure):
        methods = ("get_system_info", *methods)
    return replace(failure, next_step=_describe_next_step(failure), next_methods=methods)


def _lacks_resources(failure: Failure) -> bool:
    return "resource_spec" in failure.sentence


def _describe_next_step(failure: Failure) -> str:
    site = failure.site or "the site"
    at = describe_place(failure.file, failure.line) if failure.line is not None else ""
    resubmit = "run the cell again" if is_cell(failure.file) else "submit the job again"
    busy = site if site not in ("server", "the site") else "the sites"
    who = "the server" if site == "server" else site
    byoc = " (BYOC is code in the job's custom folder)" if "BYOC" in failure.error else ""
    advice = {
        "client-exception": f"Correct {at or _describe_unlocated(failure, 'the training code')} and {resubmit}."
        + _describe_relative_path(failure),
        "server-exception": f"Correct {at or _describe_unlocated(failure, 'the workflow of the job')} "
        "and submit the job again.",
        "client-exit": f"Find out what ends the process ({site}'s console says more than its log), "
        "and submit the job again.",
        "bad-class": f"Correct the class's path or its arguments in {failure.file or 'the configuration'}, "
        "and submit the job again.",
        "missing-package": "Correct the import in the cell and run it again; or ask the administrator to install it "
        "there, then submit the same job once more."
        if is_cell(failure.file)
        else "Ask the administrator to install it there, or correct the import if it is one of your "
        "files; then submit the same job once more.",
        "refused": "Correct what it says and submit the job again."
        if site == "server" and not failure.log
        else f"Ask {who}'s administrator what it permits{byoc}, then submit the job again.",
        "unschedulable": f"{_UNSCHEDULABLE_HINTS[_lacks_resources(failure)]} The job starts by itself "
        "when it can; if it never will, abort it, and submit it with what it needs corrected.",
        "aborted": "If that was not intended, submit the same job once more.",
        "site-lost": "When the site is connected again, submit the same job once more. "
        "To let a job continue without a site, set a smaller min_clients.",
        "server-restarted": "Submit the same job once more. This one can be neither aborted nor deleted.",
        "timeout": f"See what keeps {busy} busy, or raise the timeout in the "
        f"configuration of the workflow or executor; then {resubmit}.",
        "unknown": "The job's submitter finds the server's log in workspace/log.txt of the result "
        "(session.download_job_result)" + (", or ask those named below." if failure.missing else "."),
    }[failure.kind]
    fault = failure.kind in ("client-exception", "client-exit", "timeout") and not failure.error
    if fault and any(sentence.startswith(f"{site}'s log") for sentence in failure.missing):
        advice = f"Ask {site}'s administrator for its log of this job. {advice}"
    return advice


def _describe_relative_path(failure: Failure) -> str:
    """Return how to name a file to code that looked for it by a relative path; empty if it did not."""
    if not _MISSING_RELATIVE_PATH.match(failure.error):
        return ""
    way = ", such as by --arg NAME=PATH" if is_cell(failure.file) else ""
    return f" It runs in a folder of the site, not in yours: give it the file's full path there{way}."


def _describe_unlocated(failure: Failure, code: str) -> str:
    """Return the place to look for an error whose location in the user's code is unknown."""
    if not failure.error:
        return code
    where = "on the server" if failure.site == "server" else f"at {failure.site or 'the site'}"
    return f"what the error names, in the job or (by its administrator) {where},"
