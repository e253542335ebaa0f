"""A startup kit: the files a provisioned user received, and every check on them that needs no network.

A kit is a folder with ``startup/fed_admin.json`` (the server's address), ``client.crt`` and ``client.key`` (the
user's identity) and ``rootCA.pem`` (the trusted root). The user's name, organization and role are those of the
certificate, because the server trusts nothing else.

=================  ====================================================================================
``files``          finding the folder and reading single files
``certificates``   certificates, keys and signatures
``settings``       ``fed_admin.json``: the server's address, and the names of the other files
``checks``         each check once, on a kit that may be only partly readable
``report``         the findings, as plain data
``startup``        :class:`StartupKit`: `load` stops at the first problem, `check` reports them all
=================  ====================================================================================

Source: ``fuel/hci/client/config.py``, ``fuel/sec/security_content_service.py`` and ``lighter/utils.py`` of
nvflare 2.9.0.
"""

from .files import find_startup
from .report import Finding, KitReport
from .settings import SCHEMES, SECURITY_MODES, Settings
from .startup import StartupKit

__all__ = [
    "SCHEMES",
    "SECURITY_MODES",
    "Finding",
    "KitReport",
    "Settings",
    "StartupKit",
    "find_startup",
]
