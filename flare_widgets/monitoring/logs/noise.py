"""FLARE's own noise: warnings and errors that it logs in jobs that are well. Pure.

A record of this list tells nothing about a job: neither is it an event worth showing, nor can it be the cause of a
failure. Some records are noise only while a job ends, when processes and connections go away one after the other;
before that they are failures. Determined from the sources of nvflare 2.7 to 2.9, and from the logs of jobs that ended
well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .records import LogRecord

TRACEBACK_HEADER = "Traceback (most recent call last):"

JOB_ENDING = re.compile(
    r"asked to abort - triggered|server runner is finalizing|ABOUT_TO_END_RUN fired|END_RUN fired|END_RUN received"
    r"|Server runner finished|received request from Server to end current RUN|Client is stopping|: Good Bye!"
)
"""Message with which a participant begins to end a job, or a part of that; what follows may be noise of the end."""

_MAX_CHARS = 1000  # of a message that are compared
_RULE = re.compile(r"[\s=*#_-]*")
_GROUP_PREFIX = re.compile(r"\A[ \t]{0,200}[|+][ +-]?")


@dataclass(frozen=True)
class Noise:
    """A kind of record that tells nothing.

    Attributes
    ----------
    start
        Pattern that the beginning of the message matches.
    reason
        The reason it tells nothing.
    only_at_end
        True if it does so only while the job ends.
    pattern
        `start`, compiled.
    """

    start: str
    reason: str
    only_at_end: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pattern", re.compile(rf"\A(?:{self.start})"))


NOISE = (
    # Always: of the job's work.
    Noise(
        r"Aggregation_weight missing for .{1,200} and set to default value",
        "Weights by site are optional, and few jobs give them; logged for each site and round.",
    ),
    Noise(
        r"NUM_STEPS_CURRENT_ROUND missing in meta of DXO from .{1,200} and set to default value",
        "The number of steps is optional; without it all sites count the same.",
    ),
    Noise(r"No formatter provided\. Validation results can't be printed", "A formatter only prints; results are kept."),
    Noise(
        r"num_clients \(\d{1,9}\) is (?:greater|less) than the number of available clients\.",
        "The default of num_clients is larger than most federations; all sites that there are take part.",
    ),
    Noise(
        r"DXO does not contain PROCESSED_KEYS \(do nothing\)",
        "Normal in the first round with homomorphic encryption, as the message itself says.",
    ),
    Noise(
        r"(?:Warning: )?called (?:CellClientAPI\.)?init\(\) more than once",
        "Scripts may call flare.init in each round; only the first call counts.",
    ),
    Noise(r"will not persist components, not supported by ", "Only snapshots of a server persist components."),
    Noise(r"Timeout inconsistency: ", "Advice on the configuration of FLARE itself, given to each job."),
    Noise(r"This module: .{1,500} is deprecated\. Please use ", "Advice to the authors of code that works."),
    Noise(
        r"'overseer_agent' in (?:server|client) config is obsolete",
        "An entry of kits of older versions, which is passed over.",
    ),
    # Always: of communication that was finished with, or is tried again.
    Noise(
        r"Late stream error: |Ignored uncorrelated stream error: |Received error for non-existing stream: ",
        "The stream was finished with: whoever waited for it is gone.",
    ),
    Noise(
        r"no waiter for req \S{1,100} - the reply is too late|Receiving unknown req_id="
        r"|received reply but we are no longer waiting|received query but the request \(",
        "A reply that nobody waits for any more. If it was missed, whoever waited says so.",
    ),
    Noise(
        r"dropping unsolicited/stale confirmation from |ignoring cancellation from unacquired receiver ",
        "Bookkeeping of downloads that are finished.",
    ),
    Noise(
        r"\[DOWNLOAD_RETRY\] |\[DOWNLOAD_RECOVERED\] ",
        "It is tried again, and a download that fails for good logs another message.",
    ),
    Noise(
        r"failed to send task result to \S{1,300} - will try again"
        r"|Failed to get_task from \S{1,300}\. Will try it again",
        "It is tried again, and whoever gives up says so.",
    ),
    Noise(
        r"(?:Stream error: )?blob_cb threw:? (?:AttributeError: )?'NoneType' object has no attribute ",
        "A command such as show_stats reached the job's process before it was ready, or after its end.",
    ),
    Noise(r"got subnet heartbeat from .{1,300} but (?:no monitor|it's not a member)", "Nobody asked to monitor it."),
    Noise(r"discarded dead client report ", "The site is on the list already; the first report was logged."),
    Noise(r"dropped expired reg session: ", "A registration that was never finished; not of this job."),
    # Always: consequences of an end, whoever wanted it.
    Noise(
        r"dropped (?:app |XGB )?request .{0,200}since (?:connector|server|applet) is already stopped"
        r"|Error while stopping ignored, op=",
        "A site asks on after the end.",
    ),
    Noise(
        r"(?:app|XGB) client is done with exit code -(?:9|15)\b|Flower server has stopped with RC -(?:9|15)\b",
        "FLARE ends the process itself when the work is done.",
    ),
    Noise(r"did not send should-exit before shutting down supernode", "It is ended by force in place of that."),
    Noise(r"ask to stop job: reason: |request to stop the job for reason ", "The job ends."),
    Noise(r".{0,500}abort_signal_triggered", "The server ended the task: a consequence at a site that is well."),
    Noise(r"fire abort event$", "Follows the error that it is about."),
    Noise(
        r"ignored unknown task |Dropped result of unknown task: |Ignoring result from unknown task",
        "A result that comes after the end of its workflow.",
    ),
    Noise(
        r"Dropped terminal outcome for untracked job/client |Dropped terminal outcome from unknown client token ",
        "A site reports the end of a job that the server has ended already.",
    ),
    Noise(r"Skipping unavailable workspace archive source for job ", "A folder that a job need not have."),
    Noise(
        r"Could not get the return code from \S{1,900} of the job:",
        "The return code is taken from the process in place of the file.",
    ),
    # Only at the end.
    Noise(
        r".{0,300}(?:streaming shutdown|target_unreachable|[Cc]onnection (?:is )?(?:closed|lost|reset)|Broken pipe"
        r"|[Nn]ot [Cc]onnected|no connection to |cannot (?:send|forward) |failed to send|aborted query|"
        r"abort(?:ing|ed) send_request|peer \S{1,300} (?:lost request|aborted processing))",
        "Processes and connections go away one after the other.",
        only_at_end=True,
    ),
    Noise(
        r"received dead job notification: |notified SJ of dead-job: ",
        "The site has ended its process of the job, as it does at the end of each job.",
        only_at_end=True,
    ),
    Noise(r"(?:Stream error: )?blob_cb threw", "A message to a process that ends.", only_at_end=True),
    Noise(
        r"={4,} \S{1,100}: Cleanup did not complete|#{4,} \S{1,100}: still running thread "
        r"|\S{1,100}: there are still cleanup CBs|failed to (?:stop|drain) |could not stop AIO loop"
        r"|timed out after .{1,50} seconds waiting for command callbacks|Log streaming thread did not finish"
        r"|quit waiting for component ready-to-end-run",
        "Threads that outlive the job's end by a little.",
        only_at_end=True,
    ),
    Noise(
        r"no reply from client \S{1,200} for ending workflow "
        r"|workflow \S{1,200} ended with \d{1,9} non-responding client",
        "A site that has ended already does not confirm it.",
        only_at_end=True,
    ),
    Noise(
        r"called CellClientAPI\.init\(\) after shutdown|dropping .{1,200}: this Client API is closed",
        "The script runs on for a moment.",
        only_at_end=True,
    ),
    Noise(r"could not report terminal outcome of job ", "The server has ended the job already.", only_at_end=True),
)
"""All kinds of noise."""


def is_noise(record: LogRecord | str, is_ending: bool = False) -> bool:
    """Return whether a warning or an error tells nothing about its job.

    Parameters
    ----------
    record
        The record, or its message.
    is_ending
        True if the participant has begun to end the job, see `JOB_ENDING`.
    """
    return find_noise(record, is_ending) is not None


def find_noise(record: LogRecord | str, is_ending: bool = False) -> Noise | None:
    """Return the kind of noise that a record is; None if it may tell something."""
    message = record if isinstance(record, str) else record.message
    texts = [message[:_MAX_CHARS].lstrip()]
    if texts[0].startswith(TRACEBACK_HEADER):
        texts.append(_exception_line(message)[:_MAX_CHARS])
    kinds = [noise for noise in NOISE if is_ending or not noise.only_at_end]
    return next((noise for text in texts for noise in kinds if noise.pattern.match(text)), None)


def event_text(message: str) -> str:
    """Return the line of a message that says most: of a traceback its exception, of others the first with words.

    Parameters
    ----------
    message
        The message of a record, of any number of lines.
    """
    if TRACEBACK_HEADER in message:
        return _exception_line(message)
    lines = (line.strip() for line in message.splitlines())
    return next((line for line in lines if not _RULE.fullmatch(line)), "")


def _exception_line(message: str) -> str:
    before, _, after = message.rpartition(TRACEBACK_HEADER)
    lines = after.splitlines()
    if before.rpartition("\n")[2].lstrip().startswith(("|", "+")):  # an exception group
        lines = [_GROUP_PREFIX.sub("", line, count=1) for line in lines]
    said = [line for line in lines if line.strip()]
    exception = next((line.strip() for line in said if not line[0].isspace()), "")
    if exception:
        return exception
    # The traceback was cut off.
    said = said or [line for line in before.splitlines() if line.strip()]
    return said[-1].strip() if said else TRACEBACK_HEADER.rstrip(":")
