"""Run the local Athena: `python -m orchestrate.local_athena DIRECTORY`; `make up` does."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError

from orchestrate.local_athena import endpoint
from orchestrate.local_athena.engine.duck_engine import DuckEngine
from orchestrate.local_athena.metastore.catalog import Metastore
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import StackSettings


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; the one argument is where the endpoint's files lie."""
    if len(arguments) != 1:
        print("give the directory of the endpoint's files; `make up` does", file=sys.stderr)
        return 1
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = StackSettings.from_environment()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    directory = Path(arguments[0])
    metastore = Metastore(settings.lake, directory)
    engine = DuckEngine(settings.lake, directory, metastore)
    try:
        server = endpoint.create(settings, directory, metastore, engine)
    except BotoCoreError as error:
        print(f"the lake does not answer: {error}", file=sys.stderr)
        return 1
    server.run()
    engine.close()
    metastore.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
