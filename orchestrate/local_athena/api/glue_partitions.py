"""Glue's operations on partitions of tables that are not Iceberg."""

from __future__ import annotations

from orchestrate.local_athena.api.errors import ApiError
from orchestrate.local_athena.api.glue import (
    each,
    glue_errors,
    invalid_input,
    page,
    refuse_unless_writable,
)
from orchestrate.local_athena.api.shapes import Answer, Parameters
from orchestrate.local_athena.metastore.catalog import Metastore
from orchestrate.local_athena.model import Identity

_PAGE = 1000


class Partitions:
    """The operations on partitions."""

    def __init__(self, store: Metastore) -> None:
        """Take what holds them."""
        self._store = store

    def get_partitions(self, _: Identity, parameters: Parameters) -> Answer:
        """The partitions that an expression selects."""
        if parameters.get("Segment", {}).get("SegmentNumber"):
            return {"Partitions": []}  # the first segment holds them all
        with glue_errors():
            found = self._store.partitions(
                parameters["DatabaseName"], parameters["TableName"], parameters.get("Expression")
            )
        if parameters.get("ExcludeColumnSchema"):
            found = [_without_columns(partition) for partition in found]
        return page(found, "Partitions", parameters, _PAGE)

    def get_partition(self, _: Identity, parameters: Parameters) -> Answer:
        """One partition."""
        found = self._by_values(parameters)
        values = tuple(parameters["PartitionValues"])
        if values not in found:
            raise _not_found(values)
        return {"Partition": found[values]}

    def batch_get_partition(self, _: Identity, parameters: Parameters) -> Answer:
        """Several partitions; those that are not there are left out, as Glue does."""
        found = self._by_values(parameters)
        asked = [tuple(key["Values"]) for key in parameters["PartitionsToGet"]]
        return {
            "Partitions": [found[values] for values in asked if values in found],
            "UnprocessedKeys": [],
        }

    def create_partition(self, identity: Identity, parameters: Parameters) -> Answer:
        """Add one partition."""
        there = self._create(identity, parameters, [parameters["PartitionInput"]])
        if there:
            raise ApiError("AlreadyExistsException", "Partition already exists.")
        return {}

    def batch_create_partition(self, identity: Identity, parameters: Parameters) -> Answer:
        """Add partitions; those that are there already are told, the others added."""
        there = self._create(identity, parameters, parameters["PartitionInputList"])
        error = {"ErrorCode": "AlreadyExistsException", "ErrorMessage": "Partition already exists."}
        return {"Errors": [{"PartitionValues": values, "ErrorDetail": error} for values in there]}

    def update_partition(self, identity: Identity, parameters: Parameters) -> Answer:
        """Change one partition."""
        values = tuple(parameters["PartitionValueList"])
        given = dict(parameters["PartitionInput"])
        if tuple(given.setdefault("Values", list(values))) != values:
            raise invalid_input("the local Athena does not change the values of a partition")
        if values not in self._by_values(parameters):
            raise _not_found(values)
        self._create(identity, parameters, [given], replace=True)
        return {}

    def batch_update_partition(self, identity: Identity, parameters: Parameters) -> Answer:
        """Change partitions; those that cannot be are told, the others changed."""
        table = {key: parameters[key] for key in ("DatabaseName", "TableName")}
        return each(
            parameters["Entries"],
            "Errors",
            lambda entry: {"PartitionValueList": entry["PartitionValueList"]},
            lambda entry: self.update_partition(identity, {**table, **entry}),
        )

    def delete_partition(self, identity: Identity, parameters: Parameters) -> Answer:
        """Remove one partition; its files stay."""
        values = list(parameters["PartitionValues"])
        if self._delete(identity, parameters, [values]):
            raise _not_found(tuple(values))
        return {}

    def batch_delete_partition(self, identity: Identity, parameters: Parameters) -> Answer:
        """Remove partitions; those that are not there are told, the others removed."""
        asked = [list(key["Values"]) for key in parameters["PartitionsToDelete"]]
        missing = self._delete(identity, parameters, asked)
        error = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Partition not found."}
        return {"Errors": [{"PartitionValues": values, "ErrorDetail": error} for values in missing]}

    def _by_values(self, parameters: Parameters) -> dict[tuple[str, ...], Answer]:
        with glue_errors():
            found = self._store.partitions(parameters["DatabaseName"], parameters["TableName"])
        return {tuple(partition["Values"]): partition for partition in found}

    def _create(
        self,
        identity: Identity,
        parameters: Parameters,
        partitions: list[Answer],
        replace: bool = False,
    ) -> list[list[str]]:
        refuse_unless_writable(identity, parameters["DatabaseName"])
        with glue_errors():
            return self._store.create_partitions(
                parameters["DatabaseName"], parameters["TableName"], partitions, replace=replace
            )

    def _delete(
        self, identity: Identity, parameters: Parameters, values: list[list[str]]
    ) -> list[list[str]]:
        refuse_unless_writable(identity, parameters["DatabaseName"])
        with glue_errors():
            return self._store.delete_partitions(
                parameters["DatabaseName"], parameters["TableName"], values
            )


def _without_columns(partition: Answer) -> Answer:
    storage = {k: v for k, v in partition.get("StorageDescriptor", {}).items() if k != "Columns"}
    return {**partition, "StorageDescriptor": storage}


def _not_found(values: tuple[str, ...]) -> ApiError:
    return ApiError("EntityNotFoundException", f"Partition {list(values)} not found.")
