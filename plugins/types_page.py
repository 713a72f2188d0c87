"""Writes the table of docs/types.md from the table in `columnar_singer.types`.

`python -m plugins.types_page` writes; with `--check` it only says, by its exit status, whether the
page is stale.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from columnar_singer.types import MAPPINGS, MAX_DECIMAL_DIGITS, TypeMapping, from_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parent.parent / "docs" / "types.md"

_SECTION = re.compile(
    r"(?<=<!-- types: written by `make settings` -->\n).*?(?=<!-- end of types -->)", re.DOTALL
)
# https://iceberg.apache.org/spec/#primitive-types
ICEBERG = {
    pa.bool_(): "boolean",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "string",
    pa.binary(): "binary",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}


def table() -> str:
    """Give the mappings as a Markdown table."""
    lines = [
        "| in the source | in dataengineering-db | Arrow | in the lake | in its quarantine |",
        "|---|---|---|---|---|",
    ]
    for mapping in MAPPINGS:
        lines += _rows(mapping)
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    """Write or check the page; returns the exit status."""
    text = PAGE.read_text()
    wanted = _SECTION.sub(lambda _: f"\n{table()}\n", text)
    if wanted == text:
        return 0
    if "--check" in arguments:
        print("error: stale: docs/types.md; run `make settings`", file=sys.stderr)
        return 1
    PAGE.write_text(wanted)
    return 0


def _rows(mapping: TypeMapping) -> Iterator[str]:
    if mapping.names == ("numeric",):
        decimal = from_postgres("numeric(12,2)").arrow
        yield _row(
            f"`numeric(p,s)` of up to {MAX_DECIMAL_DIGITS} digits",
            "`numeric(p,s)`",
            str(decimal).replace("12, 2", "p, s"),
            "decimal(p,s)",
            "`NaN`",
        )
        names = "other `numeric`"
    else:
        names = ", ".join(f"`{name}`" for name in mapping.names)
    yield _row(names, "the same", str(mapping.arrow), ICEBERG[mapping.arrow], mapping.beyond)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
