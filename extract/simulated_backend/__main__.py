"""`python -m extract.simulated_backend`."""

import sys

from .cli import main

sys.exit(main())
