"""The console script, also `python -m tap_postgres`."""

from __future__ import annotations

from columnar_singer.light_sdk import import_sdk, importing


def main() -> None:
    """Run the plugin's command line."""
    with importing():
        import_sdk()
        from columnar_singer.errors import run_plugin

        from tap_postgres.tap import TapPostgres

    run_plugin(TapPostgres)


if __name__ == "__main__":
    main()
