"""``python -m flare_widgets.cli``: the same as ``flare-widgets``."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
