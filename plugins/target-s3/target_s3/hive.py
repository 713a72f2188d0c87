"""Tables for who wants no Iceberg: Parquet files in Hive partitions, registered in Glue.

What every engine reads is an ordinary external table of Glue. This target itself goes on to keep
its log of commits in the form of Iceberg metadata, in a folder beside the data that no reader of
the table looks into: which files were committed, with which columns, under which lease. So drift,
full re-sends, key reconciles, leases and the sweeping of orphans are those of the Iceberg tables.

What cannot be had without Iceberg is that the files of one commit appear at the same moment: a file
is visible as soon as it is complete and its partition registered. A run that is killed leaves rows
that are true versions of the source's rows, and comes again with higher numbers; rows of the load
log, written last, say which numbers are committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from columnar_singer.errors import UserError
from pyiceberg.catalog import METADATA_LOCATION, TABLE_TYPE
from pyiceberg.schema import sanitize_column_names

from target_s3.description import COMMENT, OWNER, PERSONAL_DATA, SOURCE
from target_s3.glue import DescribedGlueCatalog
from target_s3.partitions import HIVE_NULL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

_MAX_PARTITIONS = 100
"""Of one BatchCreatePartition."""

_STORAGE = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    },
}

_SHOWN_PROPERTIES = (COMMENT, OWNER, SOURCE, PERSONAL_DATA)


class HiveCatalog(DescribedGlueCatalog):
    """A Glue catalog whose tables are external Parquet tables to everybody else."""

    def register_partitions(self, table: Table, files: Iterable[DataFile]) -> None:
        """Add the partitions of files, before the files are committed.

        So a run killed in between leaves nothing that nobody would register.

        Args:
            table: The table.
            files: Its new files.

        Raises:
            UserError: A partition is registered with another place, where nobody would find them.
        """
        spec, schema = table.spec(), table.schema()
        if not spec.fields:
            return
        database, name = table.name()
        storage = self._get_glue_table(database, name)["StorageDescriptor"]
        places: dict[tuple[str, ...], str] = {}
        for file in files:
            values = tuple(
                HIVE_NULL
                if file.partition[number] is None
                else field.transform.to_human_string(
                    schema.find_type(field.source_id), file.partition[number]
                )
                for number, field in enumerate(spec.fields)
            )
            places[values] = file.file_path.rpartition("/")[0]
        wanted = [
            {"Values": list(values), "StorageDescriptor": {**storage, "Location": place}}
            for values, place in places.items()
        ]
        for start in range(0, len(wanted), _MAX_PARTITIONS):
            answer = self.glue.batch_create_partition(
                DatabaseName=database,
                TableName=name,
                PartitionInputList=wanted[start : start + _MAX_PARTITIONS],
            )
            for error in answer.get("Errors", []):
                if error["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException":
                    message = f"Glue refused a partition of {database}.{name}: {error}"
                    raise OSError(message)
                values = tuple(error["PartitionValues"])
                self._check_place(table, values, places[values])

    def _check_place(self, table: Table, values: tuple[str, ...], place: str) -> None:
        """Check that a partition lies where its new files do: an earlier version put NULL apart."""
        if HIVE_NULL not in values:
            return
        database, name = table.name()
        found = self.glue.get_partition(
            DatabaseName=database, TableName=name, PartitionValues=list(values)
        )["Partition"]["StorageDescriptor"]["Location"]
        if found.rstrip("/") != place:
            message = (
                f"table {database}.{name} has the partition {'/'.join(values)} at '{found}', and "
                f"new rows would lie at '{place}', where no engine sees them; an earlier version "
                "made the table: rename or drop it, and remove the stream's bookmark from the "
                "state to load it anew"
            )
            raise UserError(message)

    def _create_glue_table(self, database_name: str, table_name: str, table_input: Any) -> None:  # noqa: ANN401
        hive_input = self._as_hive(table_input)
        super()._create_glue_table(database_name, table_name, hive_input)

    def _update_glue_table(
        self,
        database_name: str,
        table_name: str,
        table_input: Any,  # noqa: ANN401
        version_id: str,
    ) -> None:
        hive_input = self._as_hive(table_input)
        super()._update_glue_table(database_name, table_name, hive_input, version_id)

    def _convert_glue_to_iceberg(self, glue_table: Any) -> Table:  # noqa: ANN401
        parameters = {**glue_table.get("Parameters", {}), TABLE_TYPE: "ICEBERG"}
        return super()._convert_glue_to_iceberg({**glue_table, "Parameters": parameters})

    def _as_hive(self, table_input: Any) -> Any:  # noqa: ANN401
        """Turn what pyiceberg registers into an external table of Parquet files."""
        logged = super()._convert_glue_to_iceberg(
            {**table_input, "DatabaseName": "", "Parameters": table_input["Parameters"]}
        )
        names = {each.field_id: each.name for each in sanitize_column_names(logged.schema()).fields}
        storage = table_input["StorageDescriptor"]
        columns = [
            {"Name": names[field.field_id], "Type": column["Type"], "Comment": field.doc or ""}
            for field, column in zip(logged.schema().fields, storage["Columns"], strict=False)
        ]
        properties = logged.properties
        return {
            "Name": table_input["Name"],
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                **{name: properties[name] for name in _SHOWN_PROPERTIES if name in properties},
                "EXTERNAL": "TRUE",
                "classification": "parquet",
                METADATA_LOCATION: table_input["Parameters"][METADATA_LOCATION],
            },
            "PartitionKeys": [
                {"Name": field.name, "Type": "string"} for field in logged.spec().fields
            ],
            "StorageDescriptor": {
                **_STORAGE,
                "Columns": columns,
                "Location": logged.location_provider().data_path,
            },
        }
