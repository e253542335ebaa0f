"""A startup kit: what a provisioned user was given, and every check on it that needs no network.

A kit is a folder with ``startup/fed_admin.json`` (where the server is), ``client.crt`` and ``client.key`` (who
the user is) and ``rootCA.pem`` (whom to trust). The user's name, organisation and role are those of the
certificate, for the server believes nothing else.

=================  ====================================================================================
``files``          finding the folder and reading single files
``certificates``   what cryptography says about them
``settings``       ``fed_admin.json``: where the server is, and what the other files are called
``checks``         each check once, over a kit that may be only half readable
``report``         what was found, as plain data
``startup``        :class:`StartupKit`: `load` stops at the first problem, `check` tells them all
=================  ====================================================================================

Facts: ``fuel/hci/client/config.py``, ``fuel/sec/security_content_service.py`` and ``lighter/utils.py`` of
nvflare 2.9.0.
"""

from .certificates import chains_to_root, subject, verify_signature
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
    "chains_to_root",
    "find_startup",
    "subject",
    "verify_signature",
]
