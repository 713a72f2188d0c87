"""The console script, also `python -m target_s3`."""

from __future__ import annotations

from contextlib import suppress

from columnar_singer.light_sdk import import_sdk, importing


def main() -> None:
    """Run the plugin's command line."""
    with importing():
        import_sdk()
        import pyarrow as pa
        from columnar_singer.errors import run_plugin

        from target_s3.target import TargetS3

    # Of Arrow's allocators the one that holds least back from the system: a quarter less memory.
    with suppress(NotImplementedError):
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    run_plugin(TargetS3)


if __name__ == "__main__":
    main()
