"""Transfer of job folders and results to and from the server. Its modules are imported when they are first used."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import download, job_folder, pack, result_files, unpack, upload, zip_members

__all__ = ["download", "job_folder", "pack", "result_files", "unpack", "upload", "zip_members"]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)
