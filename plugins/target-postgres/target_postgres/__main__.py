"""Run the target with `python -m target_postgres`."""

from target_postgres.target import main

main()
