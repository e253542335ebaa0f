"""Each thing that a client does on a line to a distant server, once."""

from __future__ import annotations

from typing import Any

from common import connect, main, timed


def measure(module: str, kit: str, folder: str, job_id: str, into: str) -> dict[str, Any]:
    """Return the seconds that a connect, a command, a submit and a download take.

    Parameters
    ----------
    module, kit
        The client and its startup kit, whose address is that of the line.
    folder
        A job folder.
    job_id, into
        A job, and where to put its result.
    """
    connect(module, kit).close()  # what is imported late is no matter of distance
    connecting, session = timed(connect, module, kit)
    command, _ = timed(session.get_job_meta, job_id)
    submit, submitted = timed(session.submit_job, folder)
    download, _ = timed(session.download_job_result, job_id, into)
    session.close()
    took = {"connect": connecting, "command": command, "submit": submit, "download": download}
    return {"submitted": submitted, "took": {name: ms / 1000 for name, ms in took.items()}}


if __name__ == "__main__":
    main(measure)
