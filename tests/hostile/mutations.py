"""Ways to make something hostile of something good, by a seeded random generator."""

from __future__ import annotations

import json
import random
from typing import Any

#: Pieces that harm a reader which trusts them: markup, escape sequences, expressions, paths, and what regular
#: expressions stumble over.
PIECES = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\x1b]8;;javascript:x()\x07link\x1b]8;;\x07",
    "\x1b[2J",
    "\u202eevil\u2066",
    "\ud800",
    "\0",
    "__import__('os').system('id')",
    "{{7*7}}${7*7}",
    "../../../../etc/passwd",
    "C:\\Windows\\x",
    "assigned task to client a: name=b, id=c ",
    "got result from client a for task: name=b, id=c ",
    "peer=a, peer_run=b, peer_rc=",
    "Traceback (most recent call last):\n",
    '  File "/x/custom/a.py", line 3, in f\n',
    "Round 1 started.\n",
    "Round 1 global metrics: {",
    "np.float64(",
    "[identity=x, run=y, wf=z, peer=s, peer_rc=BAD, task_id=1] - ",
    "2026-01-01 00:00:00,000 - x - ERROR - ",
    "trainer process exited (rc=1",
    " | ",
    "+-+",
    "[" * 50,
    "{" * 50,
    "9" * 400,
    "1e999",
    "NaN",
)
SECRET = "k3y-0f-the-user-that-nobody-may-see"
"""A text in the user's key, which must not be in any message."""

JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**40,
    1e308,
    "",
    "ok",
    [],
    {},
    [[[[]]]],
    "x" * 5000,
    {"a": {"b": []}},
    *PIECES,
)


def damage(random: random.Random, good: bytes, other: bytes = b"") -> bytes:
    """Return `good` with one to three faults: bytes flipped, cut, repeated, made huge, spliced with `other`."""
    for _ in range(random.randint(1, 3)):
        at, size = random.randrange(len(good) + 1), random.choice((1, 2, 4, 8, 100))
        piece, after = good[at : at + size], good[at + size :]
        new = random.choice(
            (
                bytes(b ^ 1 << random.randrange(8) for b in piece),
                b"",
                piece * random.choice((2, 10, 1000)),
                b"\xff" * size,
                bytes(size),
                random.choice(PIECES).encode("utf-8", "surrogatepass"),
                bytes([random.choice((0x90, 0x80, 0xC6, 0xC7, 0xDB, 0xDD, 0xDF))]),
            )
        )
        good = random.choice((good[:at] + new + after, good[:at] + new + after, good[:at], good[:at] + other[at:]))
    return good


def bend(random: random.Random, value: Any) -> Any:
    """Return `value`, plain data, with some of its parts replaced by junk, removed, or put into one another."""
    if isinstance(value, dict) and value and random.random() < 0.9:
        key = random.choice(sorted(value, key=str))
        if random.random() < 0.1:
            return {name: each for name, each in value.items() if name != key}
        return {**value, key: bend(random, value[key])}
    if isinstance(value, list) and value and random.random() < 0.9:
        at = random.randrange(len(value))
        return [*value[:at], bend(random, value[at]), *value[at + 1 :]]
    if isinstance(value, str) and random.random() < 0.5:
        at = random.randrange(len(value) + 1)
        return value[:at] + repeat(random, 2000) + value[at:]
    return random.choice((*JUNK, [value, value], {"data": value}, str(value)))


def repeat(random: random.Random, size: int) -> str:
    """Return a text of up to `size` characters that repeats one or two pieces."""
    piece = "".join(random.choices(PIECES, k=random.choice((1, 1, 2))))
    return (random.choice(("", random.choice(PIECES))) + piece * random.choice((1, 3, 5000)))[:size]


def log_text(random: random.Random, size: int) -> str:
    """Return a log of hostile records, in both forms."""
    lines = []
    while size > 0:
        message = repeat(random, random.choice((50, 500, 20_000)))
        level = random.choice(("INFO", "WARNING", "ERROR"))
        if random.random() < 0.5:
            fields = {"asctime": "2026-01-01 00:00:00,000", "name": "x", "levelname": level, "message": message}
            lines.append(json.dumps({**fields, "fl_ctx": repeat(random, 300)}))
        else:
            lines.append(f"2026-01-01 00:00:00,000 - x - {level} - {message}")
        size -= len(lines[-1])
    return "\n".join(lines) + "\n"
