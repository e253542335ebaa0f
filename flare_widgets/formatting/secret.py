"""Secrets that nothing shows: no traceback with local variables, no log, no ``repr`` of what holds them.

A token is a part of each message of a session, and so of the arguments and variables of many functions, which verbose
tracebacks print (``%xmode Verbose``, rich, a crash reporter). Texts and bytes of these classes are what they are, but
their `repr` is not. Formatting or joining one gives a plain text: that is for the last step before the bytes.
"""

from __future__ import annotations

from typing import Any, NoReturn, SupportsIndex

_REPR = "<secret>"


class SecretText(str):
    """A text that its `repr` does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _REPR

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


class SecretBytes(bytes):
    """Bytes that their `repr` does not show; nor does that of their slices."""

    __slots__ = ()

    def __repr__(self) -> str:
        return _REPR

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return SecretBytes(found) if isinstance(key, slice) else found

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def hide(value: Any) -> Any:
    """Return a text as a secret; in a list or a map, all of its texts (but not keys) and bytes."""
    if isinstance(value, str):
        return SecretText(value)
    if isinstance(value, bytes):
        return SecretBytes(value)
    if isinstance(value, dict):
        return {key: hide(each) for key, each in value.items()}
    return [hide(each) for each in value] if isinstance(value, list) else value
