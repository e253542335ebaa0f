"""Many sessions at once, each under a name, one of them current; and the startup kits that are at hand.

Knows neither IPython nor widgets: the magics, the command line and views share it. What changes is a trait, so that
whoever draws the sessions observes them.
"""

from .kits import FoundKit, find_kits, resolve_kit
from .managed import ManagedSession
from .sessions import SessionManager

__all__ = ["FoundKit", "ManagedSession", "SessionManager", "find_kits", "resolve_kit"]
