"""Athena's prepared statements and named queries."""

from __future__ import annotations

import time
import uuid
from typing import Protocol

from orchestrate.local_athena.api.athena_groups import PRIMARY, WorkGroups, page
from orchestrate.local_athena.api.errors import ApiError, invalid_request
from orchestrate.local_athena.api.shapes import Answer, Parameters
from orchestrate.local_athena.model import Identity
from orchestrate.local_athena.queries.entries import Entries


class Texts(Protocol):
    """The texts of prepared statements, where PREPARE and EXECUTE find them too."""

    def prepared_statement(self, name: str) -> str | None:
        """The text of that name."""
        ...

    def put_prepared_statement(self, name: str, text: str) -> None:
        """Keep a text."""
        ...

    def delete_prepared_statement(self, name: str) -> bool:
        """Forget a text; whether there was one."""
        ...


class PreparedStatements:
    """The operations on prepared statements. A name stands for one in all work groups."""

    def __init__(self, texts: Texts, entries: Entries, groups: WorkGroups) -> None:
        """Take what holds the texts, what is said of them, and the work groups."""
        self._texts = texts
        self._entries = entries
        self._groups = groups

    def create_prepared_statement(self, _: Identity, parameters: Parameters) -> Answer:
        """Keep a statement by name."""
        name = parameters["StatementName"]
        if self._texts.prepared_statement(name) is not None:
            raise invalid_request(f"Prepared statement {name} already exists")
        self._keep(parameters)
        return {}

    def update_prepared_statement(self, _: Identity, parameters: Parameters) -> Answer:
        """Replace a statement."""
        self._text(parameters["StatementName"])
        self._keep(parameters)
        return {}

    def get_prepared_statement(self, _: Identity, parameters: Parameters) -> Answer:
        """One statement, be it of CreatePreparedStatement or of PREPARE."""
        name, group = parameters["StatementName"], parameters["WorkGroup"]
        text = self._text(name)
        said = self._entries.get("prepared", group, name) or {"StatementName": name}
        return {"PreparedStatement": said | {"QueryStatement": text, "WorkGroupName": group}}

    def batch_get_prepared_statement(self, identity: Identity, parameters: Parameters) -> Answer:
        """Several statements."""
        found, missing = [], []
        for name in parameters["PreparedStatementNames"]:
            asked = {"StatementName": name, "WorkGroup": parameters["WorkGroup"]}
            try:
                found.append(self.get_prepared_statement(identity, asked)["PreparedStatement"])
            except ApiError as error:
                told = {"ErrorCode": error.code, "ErrorMessage": error.message}
                missing.append({"StatementName": name} | told)
        return {"PreparedStatements": found, "UnprocessedPreparedStatementNames": missing}

    def delete_prepared_statement(self, _: Identity, parameters: Parameters) -> Answer:
        """Forget a statement."""
        name = parameters["StatementName"]
        self._text(name)
        self._texts.delete_prepared_statement(name)
        self._entries.remove("prepared", parameters["WorkGroup"], name)
        return {}

    def list_prepared_statements(self, _: Identity, parameters: Parameters) -> Answer:
        """The statements that CreatePreparedStatement made in a work group."""
        group = self._groups.require(parameters["WorkGroup"]).name
        found = [
            entry
            for name, entry in self._entries.all("prepared", group)
            if self._texts.prepared_statement(name) is not None
        ]
        members = ("StatementName", "LastModifiedTime")
        listed = [{key: entry[key] for key in members} for entry in found]
        return page(listed, "PreparedStatements", parameters)

    def _text(self, name: str) -> str:
        text = self._texts.prepared_statement(name)
        if text is None:
            raise ApiError("ResourceNotFoundException", f"Prepared statement {name} was not found")
        return text

    def _keep(self, parameters: Parameters) -> None:
        group, name = (
            self._groups.require(parameters["WorkGroup"]).name,
            parameters["StatementName"],
        )
        self._texts.put_prepared_statement(name, parameters["QueryStatement"])
        entry = {
            "StatementName": name,
            "Description": parameters.get("Description", ""),
            "LastModifiedTime": time.time(),
        }
        if not self._entries.add("prepared", group, name, entry):
            self._entries.replace("prepared", group, name, entry)


class NamedQueries:
    """The operations on named queries."""

    def __init__(self, entries: Entries, groups: WorkGroups) -> None:
        """Take what holds them, and the work groups."""
        self._entries = entries
        self._groups = groups

    def create_named_query(self, _: Identity, parameters: Parameters) -> Answer:
        """Keep a query."""
        group = self._groups.require(parameters.get("WorkGroup", PRIMARY)).name
        identifier = str(uuid.uuid4())
        members = ("Name", "Description", "Database", "QueryString")
        entry = {key: parameters[key] for key in members if key in parameters}
        entry |= {"NamedQueryId": identifier, "WorkGroup": group}
        self._entries.add("named", group, identifier, entry)
        return {"NamedQueryId": identifier}

    def get_named_query(self, _: Identity, parameters: Parameters) -> Answer:
        """One kept query."""
        return {"NamedQuery": self._named(parameters["NamedQueryId"])}

    def batch_get_named_query(self, _: Identity, parameters: Parameters) -> Answer:
        """Several kept queries."""
        found, missing = [], []
        for identifier in parameters["NamedQueryIds"]:
            try:
                found.append(self._named(identifier))
            except ApiError as error:
                told = {"ErrorCode": error.details["AthenaErrorCode"]}
                told["ErrorMessage"] = error.message
                missing.append({"NamedQueryId": identifier} | told)
        return {"NamedQueries": found, "UnprocessedNamedQueryIds": missing}

    def update_named_query(self, _: Identity, parameters: Parameters) -> Answer:
        """Change a kept query."""
        entry = self._named(parameters["NamedQueryId"])
        members = ("Name", "Description", "QueryString")
        entry |= {key: parameters[key] for key in members if key in parameters}
        self._entries.replace("named", entry["WorkGroup"], entry["NamedQueryId"], entry)
        return {}

    def list_named_queries(self, _: Identity, parameters: Parameters) -> Answer:
        """Ids of the kept queries of a work group."""
        group = self._groups.require(parameters.get("WorkGroup", PRIMARY)).name
        names = [name for name, _ in self._entries.all("named", group)]
        return page(names, "NamedQueryIds", parameters)

    def delete_named_query(self, _: Identity, parameters: Parameters) -> Answer:
        """Forget a kept query."""
        entry = self._named(parameters["NamedQueryId"])
        self._entries.remove("named", entry["WorkGroup"], entry["NamedQueryId"])
        return {}

    def _named(self, identifier: str) -> Answer:
        entry = self._entries.find("named", identifier)
        if entry is None:
            raise invalid_request(f"Named query {identifier} was not found")
        return entry
