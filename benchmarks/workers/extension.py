"""Loading the magics into a kernel that has just started."""

from __future__ import annotations

from common import main, timed
from ipykernel import kernelapp  # noqa: F401  # what a kernel has imported before its first cell
from IPython.core.interactiveshell import InteractiveShell


def measure(module: str, _kit: str) -> dict[str, float]:
    """Return how many milliseconds ``%load_ext`` takes."""
    shell = InteractiveShell.instance()
    took, _ = timed(shell.run_line_magic, "load_ext", module)
    if not shell.find_line_magic("flare"):
        raise SystemExit("there is no %flare")
    return {"load_ext": took}


if __name__ == "__main__":
    main(measure)
