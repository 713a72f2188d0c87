"""The console script, also `python -m target_postgres`."""

from __future__ import annotations

from columnar_singer.light_sdk import import_sdk, importing


def main() -> None:
    """Run the plugin's command line."""
    with importing():
        import_sdk()
        from columnar_singer.errors import run_plugin

        from target_postgres.target import TargetPostgres

    run_plugin(TargetPostgres)


if __name__ == "__main__":
    main()
