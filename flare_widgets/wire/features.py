"""Differences between the servers of nvflare 2.7.0 to 2.9.0, decided here and nowhere else. Pure.

A 2.9 server sends its version when a client registers, older ones do not. The session token identifies the rest:
from 2.8 on it names the study. That leaves 2.7.0 and 2.7.1, whose answers are the same as those of 2.7.2 and 2.7.3,
but which serve downloads on a channel of another name. A server reports at once that a channel is not served, so the
newer name is tried first, and after that answer the older one; see :func:`is_unknown_channel`.

====================  ====================  ======================  ======================  ======================
feature               2.7.0, 2.7.1          2.7.2, 2.7.3            2.8                     2.9
====================  ====================  ======================  ======================  ======================
``protocol_version``  --                    --                      --                      1
token claim "study"   --                    --                      yes                     yes
keys of an upload     ``FileStreamer.*``    ``FileStreamer.*``      ``Streamer.*``          ``Streamer.*``
download channel      ``obj_downloader__``  ``download_service__``  ``download_service__``  ``download_service__``
download cancelled    --                    --                      --                      by a message
submit tokens         --                    --                      yes                     yes
====================  ====================  ======================  ======================  ======================

A few differences need no decision. The last answer of a download says if it expects a confirmation. Streams are
acknowledged to every server: 2.9 resends those that are not, older ones ignore it. The study goes into every login:
2.7 ignores it. (Sources: ``app_common/streamers/file_streamer.py``, ``fuel/f3/streaming/obj_downloader.py``,
``download_service.py`` and ``byte_receiver.py``, ``fuel/hci/server/sess.py``, ``private/fed/server/job_cmds.py`` of
those versions.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .cell import CellReply
from .login import Registration

#: The study of sessions that name none; servers without studies have this one.
DEFAULT_STUDY = "default"


@dataclass(frozen=True)
class ServerFeatures:
    """Protocol features of a server.

    Attributes
    ----------
    upload_key_prefix
        Prefix of the keys of an upload.
    download_service
        Channel and topic of downloads.
    has_studies
        True if the server supports studies.
    can_cancel_download
        True if the server understands that a download is cancelled; an older one would answer with data.
    has_submit_tokens
        True if the server recognizes a submission by its token, and accepts it once however often it is sent.
    fallback
        Features of the older server it may be, if `download_service` is not served.
    """

    upload_key_prefix: str = "Streamer."
    download_service: tuple[str, str] = ("download_service__", "download_service__download")
    has_studies: bool = True
    can_cancel_download: bool = True
    has_submit_tokens: bool = True
    fallback: ServerFeatures | None = None

    @classmethod
    def detect(cls, registration: Registration, claims: Mapping[str, Any]) -> ServerFeatures:
        """Return the features of a server.

        Parameters
        ----------
        registration
            The server's answer to the registration.
        claims
            Claims of the session token; see :func:`.login.token_claims`.
        """
        if registration.protocol_version is not None:
            return NEWEST
        if "study" in claims:
            return _SINCE_2_8
        return _SINCE_2_7_2


NEWEST = ServerFeatures()
_SINCE_2_8 = replace(NEWEST, can_cancel_download=False)
_SINCE_2_7_0 = ServerFeatures(
    "FileStreamer.",
    ("obj_downloader__", "obj_downloader__download"),
    has_studies=False,
    can_cancel_download=False,
    has_submit_tokens=False,
)
_SINCE_2_7_2 = replace(_SINCE_2_7_0, download_service=NEWEST.download_service, fallback=_SINCE_2_7_0)


def is_unknown_channel(reply: CellReply) -> bool:
    """Return True if nothing on the server handles the channel and topic of a streamed request."""
    return reply.code == "stream_error" and "no callback is registered" in reply.error.lower()
