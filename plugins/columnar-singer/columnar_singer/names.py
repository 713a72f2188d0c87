"""Names in the destination."""

from __future__ import annotations

DEFAULT_SCHEMA_PREFIX = "public-"


def table_name(stream: str) -> str:
    """Name the table of a stream.

    Args:
        stream: `<schema>-<table>` as database taps name streams, or any other name.

    Returns:
        The table's name without `public`, with any other schema in front: `public-strokes` gives
        `strokes`, `sales-orders` gives `sales_orders`.
    """
    return stream.removeprefix(DEFAULT_SCHEMA_PREFIX).replace("-", "_")
