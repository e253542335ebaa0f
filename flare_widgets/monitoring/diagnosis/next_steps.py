"""Recommended next steps for failures. Pure."""

from __future__ import annotations

from .model import Failure

_UNSCHEDULABLE_HINTS = {
    True: "session.report_resources('client') shows what each site has.",
    False: "%flare status shows which sites are connected.",
}


def suggest_next_step(failure: Failure) -> str:
    """Return the recommended action, in a sentence or two."""
    site = failure.site or "the site"
    at = f"{failure.file} line {failure.line}" if failure.file and failure.line is not None else ""
    busy = site if site not in ("server", "the site") else "the sites"
    who = "the server" if site == "server" else site
    byoc = " (BYOC is code in the job's custom folder)" if "BYOC" in failure.error else ""
    advice = {
        "client-exception": f"Correct {at or 'the training code'} and submit the job again (%flare submit).",
        "server-exception": f"Correct {at or 'the workflow of the job'} and submit the job again (%flare submit).",
        "client-exit": f"Find out what ends the process ({site}'s console says more than its log), "
        "and submit the job again (%flare submit).",
        "bad-class": f"Correct the class's path or its arguments in {failure.file or 'the configuration'}, "
        "and submit the job again (%flare submit).",
        "missing-package": "Ask the administrator to install it there, or correct the import if it is one of your "
        "files; then resubmit the job (%flare clone).",
        "refused": "Correct what it says and submit the job again (%flare submit)."
        if site == "server" and not failure.log
        else f"Ask {who}'s administrator what it permits{byoc}, then submit the job again (%flare submit).",
        "unschedulable": f"{_UNSCHEDULABLE_HINTS['resource_spec' in failure.sentence]} The job starts by itself "
        "when it can; if it never can, stop it with %flare abort, correct its requirements and submit it again.",
        "aborted": "If that was not intended, resubmit the job with %flare clone.",
        "site-lost": "When %flare status shows the site again, resubmit the job with %flare clone. "
        "To let a job continue without a site, set a smaller min_clients.",
        "server-restarted": "Resubmit the job with %flare clone. This one can be neither aborted nor deleted.",
        "timeout": f"See what keeps {busy} busy, or raise the timeout in the "
        "configuration of the workflow or executor; then submit the job again (%flare submit).",
        "unknown": "The job's submitter finds the server's log in workspace/log.txt of the result "
        "(session.download_job_result)" + (", or ask those named below." if failure.missing else "."),
    }[failure.kind]
    fault = failure.kind in ("client-exception", "client-exit", "timeout") and not failure.error
    if fault and any(sentence.startswith(f"{site}'s log") for sentence in failure.missing):
        advice = f"Ask {site}'s administrator for its log of this job. {advice}"
    return advice
