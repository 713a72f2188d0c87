"""The Glue catalog, whose tables say there, too, what they are.

pyiceberg registers columns with their comments and puts a table's properties into its parameters.
What is left is done here, at each commit, for one of pyiceberg's overwrites it.
"""

from __future__ import annotations

from typing import Any

from pyiceberg.catalog.glue import GlueCatalog

from target_s3.description import COMMENT, OWNER

# https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html and API_Column.html
_LONGEST_DESCRIPTION = 2048
_LONGEST_OWNER = 255
_LONGEST_COLUMN_COMMENT = 255
_CUT = "…"


class DescribedGlueCatalog(GlueCatalog):
    """A Glue catalog that fills in description and owner, and cuts off what Glue refuses."""

    def _create_glue_table(self, database_name: str, table_name: str, table_input: Any) -> None:  # noqa: ANN401
        super()._create_glue_table(database_name, table_name, described(table_input))

    def _update_glue_table(
        self,
        database_name: str,
        table_name: str,
        table_input: Any,  # noqa: ANN401
        version_id: str,
    ) -> None:
        described_input = described(table_input)
        super()._update_glue_table(database_name, table_name, described_input, version_id)


def described(table_input: Any) -> Any:  # noqa: ANN401
    """Complete what pyiceberg registers.

    Args:
        table_input: A `TableInput` whose parameters are the table's properties.

    Returns:
        The same with `Description` and `Owner`, and with comments that Glue takes: those of
        columns are one line of at most 255 characters. Iceberg's own metadata has them whole.
    """
    parameters = table_input["Parameters"]
    storage = table_input["StorageDescriptor"]
    told = {"Description": _cut(parameters.get(COMMENT, ""), _LONGEST_DESCRIPTION)}
    if owner := _line(parameters.get(OWNER, ""), _LONGEST_OWNER):
        told["Owner"] = owner
    columns = [
        {**column, "Comment": _line(column["Comment"], _LONGEST_COLUMN_COMMENT)}
        if "Comment" in column
        else column
        for column in storage["Columns"]
    ]
    return {**table_input, **told, "StorageDescriptor": {**storage, "Columns": columns}}


def _line(text: str, longest: int) -> str:
    return _cut(" ".join(text.split()), longest)


def _cut(text: str, longest: int) -> str:
    # Other control characters are not allowed.
    text = "".join(each for each in text if each >= " " or each in "\t\r\n")
    # Java, in which Glue counts, takes characters beyond the first 65,536 for two.
    units = text.encode("utf-16-le")
    if len(units) // 2 <= longest:
        return text
    return units[: 2 * (longest - len(_CUT))].decode("utf-16-le", errors="ignore") + _CUT
