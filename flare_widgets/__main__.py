"""``python -m flare_widgets``: the same as ``flare-widgets``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
