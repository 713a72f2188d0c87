"""Entry point: `python -m orchestrate.run [job]`."""

import sys

from orchestrate.run.cli import main

sys.exit(main(sys.argv[1:]))
