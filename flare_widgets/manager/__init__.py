"""Multiple named sessions, one of them current; and the available startup kits.

It depends on neither IPython nor widgets: the magics, the command line and views share it. Its state is in traits,
which views of the sessions observe.
"""

from .kits import FoundKit, find_kits, resolve_kit
from .managed import ManagedSession
from .sessions import SessionManager

__all__ = ["FoundKit", "ManagedSession", "SessionManager", "find_kits", "resolve_kit"]
