"""What differs between the servers of nvflare 2.7.0 to 2.9.0, decided here and nowhere else. Pure.

A server of 2.9 tells its version when a client registers, older ones do not. The session token tells the rest: from
2.8 on it names the study. What is left is 2.7.0 and 2.7.1, whose answers differ in nothing from those of 2.7.2 and
2.7.3, but which serve downloads on a channel of another name. A server says at once when nobody serves a channel,
so the newer name is tried first, and after that answer the older one; see :func:`nobody_serves`.

====================  ====================  ======================  ======================  ======================
what                  2.7.0, 2.7.1          2.7.2, 2.7.3            2.8                     2.9
====================  ====================  ======================  ======================  ======================
``protocol_version``  --                    --                      --                      1
token claim "study"   --                    --                      yes                     yes
keys of an upload     ``FileStreamer.*``    ``FileStreamer.*``      ``Streamer.*``          ``Streamer.*``
download channel      ``obj_downloader__``  ``download_service__``  ``download_service__``  ``download_service__``
download given up     --                    --                      --                      by a message
submit tokens         --                    --                      yes                     yes
====================  ====================  ======================  ======================  ======================

A few differences need no decision. Whether a download wants to be confirmed is in its last answer. Streams are
acknowledged to every server: 2.9 sends again what is not, older ones do not mind. The study goes into every login:
2.7 ignores it. (Facts: ``app_common/streamers/file_streamer.py``, ``fuel/f3/streaming/obj_downloader.py``,
``download_service.py`` and ``byte_receiver.py``, ``fuel/hci/server/sess.py``, ``private/fed/server/job_cmds.py`` of
those versions.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .cell import Reply
from .login import Registration

#: The study of sessions that ask for none; servers without studies have this one.
DEFAULT_STUDY = "default"


@dataclass(frozen=True)
class Dialect:
    """How a server wants to be spoken to.

    Attributes
    ----------
    upload_prefix
        What the keys of an upload begin with.
    download
        Channel and topic of downloads.
    studies
        Whether the server knows studies.
    cancels
        Whether the server understands that a download is given up; an older one would answer with data.
    submit_tokens
        Whether the server knows a submission by its token, and takes it once however often it comes.
    older
        What the server may speak instead, if nobody serves `download`.
    """

    upload_prefix: str = "Streamer."
    download: tuple[str, str] = ("download_service__", "download_service__download")
    studies: bool = True
    cancels: bool = True
    submit_tokens: bool = True
    older: Dialect | None = None

    @classmethod
    def of(cls, registration: Registration, claims: Mapping[str, Any]) -> Dialect:
        """Return the dialect of a server.

        Parameters
        ----------
        registration
            What it gave our cell.
        claims
            What the session's token says; see :func:`.login.token_claims`.
        """
        if registration.protocol_version is not None:
            return NEWEST
        if "study" in claims:
            return _SINCE_2_8
        return _SINCE_2_7_2


NEWEST = Dialect()
_SINCE_2_8 = replace(NEWEST, cancels=False)
_SINCE_2_7_0 = Dialect(
    "FileStreamer.",
    ("obj_downloader__", "obj_downloader__download"),
    studies=False,
    cancels=False,
    submit_tokens=False,
)
_SINCE_2_7_2 = replace(_SINCE_2_7_0, download=NEWEST.download, older=_SINCE_2_7_0)


def nobody_serves(reply: Reply) -> bool:
    """Whether a streamed request came to a server that has nobody to serve its channel and topic."""
    return reply.code == "stream_error" and "no callback is registered" in reply.error.lower()
