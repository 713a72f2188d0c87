"""Athena's SQL as this package reads it: function calls stay as written.

sqlglot turns the functions it knows into classes of its own, whose meaning is that of many
dialects at once. Here every call keeps its Trino name and arguments, so that one table of functions
says what each becomes, and what is not in it is refused.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.athena import Athena
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.parsers.athena import AthenaParser, AthenaTrinoParser
from sqlglot.tokenizer_core import TokenType

# Calls with a grammar of their own; what sqlglot reads of them is what Trino means.
_SPECIAL_CALLS = (
    "CAST",
    "TRY_CAST",
    "EXTRACT",
    "TRIM",
    "LISTAGG",
    "NORMALIZE",
    "POSITION",
    "SUBSTRING",
)


WRITTEN = "written"
"""Of a type's `meta`: its name as it was written."""


class _TrinoParser(AthenaTrinoParser):
    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        name: AthenaTrinoParser.FUNCTION_PARSERS[name] for name in _SPECIAL_CALLS
    }

    def _parse_join(self, *args: Any, **kwargs: Any) -> exp.Join | None:  # noqa: ANN401
        first = self._curr
        join: exp.Join | None = super()._parse_join(*args, **kwargs)
        # Without a condition its tree is that of a comma.
        if join is not None and first.token_type == TokenType.JOIN and not _has_condition(join):
            self.raise_error("expected ON or USING after JOIN", first)
        return join

    def _parse_types(self, *args: Any, **kwargs: Any) -> exp.Expr | None:  # noqa: ANN401
        first = self._curr
        type_: exp.Expr | None = super()._parse_types(*args, **kwargs)
        if isinstance(type_, exp.DataType) and first is not None:
            type_.meta[WRITTEN] = first.text
        return type_


def _has_condition(join: exp.Join) -> bool:
    return bool(join.args.get("on") or join.args.get("using"))


class _TrinoSql(Athena):
    INDEX_OFFSET = 0  # indexes stay as written


class _Parser(AthenaParser):
    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self._trino_parser = _TrinoParser(
            error_level=self.error_level,
            error_message_context=self.error_message_context,
            max_errors=self.max_errors,
            dialect=_TrinoSql(),
        )


class AthenaSql(Athena):
    """Athena's dialect with function calls left as they are (`exp.Anonymous`)."""

    Parser = _Parser


class DuckDBText(DuckDB):
    """DuckDB's dialect with function calls left as they are, for the templates of the rules."""

    class Parser(DuckDB.Parser):  # type: ignore[misc, valid-type]
        """DuckDB's parser without sqlglot's own functions."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: DuckDB.Parser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT")
        }
