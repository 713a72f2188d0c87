"""Run the local Athena: `python -m orchestrate.local_athena DIRECTORY`; `make up` does."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import uvicorn

from orchestrate.local_athena import endpoint
from orchestrate.local_athena.engine import DuckEngine
from orchestrate.local_athena.metastore import Metastore
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.settings import StackSettings

# A client that waits for its query is told to ask again.
_GRACE_SECONDS = 1


def main() -> int:
    """Serve until told to stop; the one argument is where the endpoint's files lie."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        settings = StackSettings.from_environment()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    data = Path(sys.argv[1])
    metastore = Metastore(settings.lake, data)
    engine = DuckEngine(settings.lake, metastore)
    application = endpoint.create(settings, data, metastore, engine)
    athena = settings.athena
    uvicorn.run(
        application,
        host=athena.host,
        port=athena.port.number,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        timeout_keep_alive=75,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
