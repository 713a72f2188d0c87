"""Opens psql on dataengineering-db, the program of the wheel: `make psql`."""

from __future__ import annotations

import os
import sys

from orchestrate import environment
from orchestrate.local_stack.errors import StackError
from orchestrate.local_stack.postgres import binaries
from orchestrate.local_stack.settings import StackSettings


def main(arguments: list[str]) -> int:
    """Become psql; `arguments` go to it. The password travels in the environment, not in argv."""
    environment.load()
    try:
        settings = StackSettings.from_environment().dataengineering
        program = binaries() / "psql"
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    variables = {
        "PGHOST": settings.host,
        "PGPORT": str(settings.port.number),
        "PGUSER": settings.user,
        "PGPASSWORD": settings.password,
        "PGDATABASE": settings.database,
    }
    os.execve(program, [str(program), *arguments], os.environ | variables)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
