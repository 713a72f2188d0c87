"""Entry point: `python -m tests.bench`, or `make bench`."""

import sys

from tests.bench.cli import main

sys.exit(main(sys.argv[1:]))
