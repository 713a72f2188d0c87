"""Athena's work groups."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from orchestrate.local_athena.api import tokens
from orchestrate.local_athena.api.errors import access_denied, invalid_request
from orchestrate.local_athena.api.shapes import Answer, Parameters
from orchestrate.local_athena.model import Identity
from orchestrate.local_athena.queries.entries import Entries

PRIMARY = "primary"
_ENGINE_VERSION = {
    "SelectedEngineVersion": "Athena engine version 3",
    "EffectiveEngineVersion": "Athena engine version 3",
}
# What of a configuration has an effect here, or none anywhere but on AWS.
_HONOURED = frozenset(
    {
        "ResultConfiguration",
        "EnforceWorkGroupConfiguration",
        "BytesScannedCutoffPerQuery",
        "PublishCloudWatchMetricsEnabled",
        "RequesterPaysEnabled",
        "EngineVersion",
    }
)


@dataclass(frozen=True)
class WorkGroup:
    """A work group; `entry` is what GetWorkGroup gives."""

    entry: Answer

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.entry["Name"])

    @property
    def bytes_limit(self) -> int | None:
        """Bytes that one query may read."""
        limit = self.entry["Configuration"].get("BytesScannedCutoffPerQuery")
        return None if limit is None else int(limit)

    def output_folder(self, asked: Parameters) -> str:
        """Where a query's result goes: the group's place if it insists or the query names none.

        Raises:
            ApiError: Neither names one.
        """
        configuration = self.entry["Configuration"]
        own = configuration.get("ResultConfiguration", {}).get("OutputLocation")
        if own and configuration.get("EnforceWorkGroupConfiguration"):
            return str(own)
        location = asked.get("OutputLocation") or own
        if not location:
            raise invalid_request(
                "No output location provided. An output location is required either through the "
                "Workgroup result configuration setting or as an API input."
            )
        return str(location)


class WorkGroups:
    """The operations on work groups."""

    def __init__(self, entries: Entries, results: str, limited: str, bytes_limit: int) -> None:
        """Make the work groups that are always there.

        Args:
            entries: Where they are kept.
            results: `s3://bucket/prefix/` of results of queries that name no place.
            limited: Name of the work group of the settings, beside `primary`.
            bytes_limit: Bytes that a query in it may read.
        """
        self._entries = entries
        entries.add("group", "", PRIMARY, _group(PRIMARY, {"OutputLocation": results}))
        group = _group(limited, {"OutputLocation": results})
        group["Configuration"]["BytesScannedCutoffPerQuery"] = bytes_limit
        if not entries.add("group", "", limited, group):
            entries.replace("group", "", limited, group)

    def require(self, name: str) -> WorkGroup:
        """The work group of that name.

        Raises:
            ApiError: There is none.
        """
        entry = self._entries.get("group", "", name)
        if entry is None:
            raise invalid_request(f"WorkGroup {name} is not found.")
        return WorkGroup(entry)

    def enabled(self, name: str) -> WorkGroup:
        """The work group of that name, if queries may run in it.

        Raises:
            ApiError: There is none, or it is disabled.
        """
        group = self.require(name)
        if group.entry["State"] != "ENABLED":
            raise invalid_request(f"WorkGroup {name} is disabled.")
        return group

    def get_work_group(self, _: Identity, parameters: Parameters) -> Answer:
        """One work group."""
        return {"WorkGroup": self.require(parameters["WorkGroup"]).entry}

    def list_work_groups(self, _: Identity, parameters: Parameters) -> Answer:
        """All work groups."""
        members = ("Name", "State", "Description", "CreationTime")
        groups = [
            {key: entry[key] for key in members} | {"EngineVersion": _ENGINE_VERSION}
            for _, entry in self._entries.all("group")
        ]
        return page(groups, "WorkGroups", parameters)

    def list_engine_versions(self, _: Identity, parameters: Parameters) -> Answer:
        """The one version."""
        return page([_ENGINE_VERSION], "EngineVersions", parameters)

    def list_tags_for_resource(self, _: Identity, __: Parameters) -> Answer:
        """None: nothing here bears tags."""
        return {"Tags": []}

    def create_work_group(self, identity: Identity, parameters: Parameters) -> Answer:
        """Create a work group."""
        _refuse_reader(identity)
        name = parameters["Name"]
        configuration = _configuration(parameters.get("Configuration", {}))
        entry = _group(name, {}, parameters.get("Description", ""))
        # Athena's default: https://docs.aws.amazon.com/athena/latest/APIReference/API_WorkGroupConfiguration.html
        entry["Configuration"] |= {"EnforceWorkGroupConfiguration": True} | configuration
        if not self._entries.add("group", "", name, entry):
            raise invalid_request(f"WorkGroup {name} is already created")
        return {}

    def update_work_group(self, identity: Identity, parameters: Parameters) -> Answer:
        """Change a work group."""
        _refuse_reader(identity)
        entry = self.require(parameters["WorkGroup"]).entry
        updates = dict(parameters.get("ConfigurationUpdates", {}))
        configuration = entry["Configuration"]
        if updates.pop("RemoveBytesScannedCutoffPerQuery", False):
            configuration.pop("BytesScannedCutoffPerQuery", None)
        results = dict(updates.pop("ResultConfigurationUpdates", {}))
        if results.pop("RemoveOutputLocation", False):
            configuration.get("ResultConfiguration", {}).pop("OutputLocation", None)
        location = results.pop("OutputLocation", None)
        if location is not None:
            configuration.setdefault("ResultConfiguration", {})["OutputLocation"] = location
        if results:
            raise invalid_request(f"{min(results)} is not honoured by the local Athena")
        configuration |= _configuration(updates)
        entry["State"] = parameters.get("State", entry["State"])
        entry["Description"] = parameters.get("Description", entry["Description"])
        self._entries.replace("group", "", entry["Name"], entry)
        return {}

    def delete_work_group(self, identity: Identity, parameters: Parameters) -> Answer:
        """Delete a work group and what is kept in it."""
        _refuse_reader(identity)
        name = self.require(parameters["WorkGroup"]).name
        if name == PRIMARY:
            raise invalid_request("WorkGroup primary cannot be deleted")
        kept = [kind for kind in ("prepared", "named") if any(self._entries.all(kind, name))]
        if kept and not parameters.get("RecursiveDeleteOption"):
            raise invalid_request(f"WorkGroup {name} is not empty")
        for kind in ("prepared", "named", "execution"):
            self._entries.remove_scope(kind, name)
        self._entries.remove("group", "", name)
        return {}


def page(found: list[Any], member: str, parameters: Parameters, most: int = 50) -> Answer:
    """The page of `found` that a List operation asks for, as its member."""
    first = position(member, parameters) or 0
    return tokens.page(found, member, first, min(parameters.get("MaxResults", most), most))


def position(scope: str, parameters: Parameters) -> int | None:
    """Where the page begins that a request asks for; None for the first.

    Raises:
        ApiError: The token is not one of `scope`.
    """
    token = parameters.get("NextToken")
    if token is None:
        return None
    try:
        return tokens.read(scope, token)
    except ValueError as error:
        raise invalid_request(str(error)) from None


def _group(name: str, results: Answer, description: str = "") -> Answer:
    return {
        "Name": name,
        "State": "ENABLED",
        "Description": description,
        "CreationTime": time.time(),
        "Configuration": {
            "ResultConfiguration": results,
            "EnforceWorkGroupConfiguration": False,
            "PublishCloudWatchMetricsEnabled": False,
            "RequesterPaysEnabled": False,
            "EngineVersion": _ENGINE_VERSION,
        },
    }


def _configuration(given: Parameters) -> Answer:
    """A work group's configuration, if the local Athena honours all of it."""
    refused = sorted(set(given) - _HONOURED)
    if refused:
        raise invalid_request(f"{refused[0]} is not honoured by the local Athena")
    return dict(given) | ({"EngineVersion": _ENGINE_VERSION} if "EngineVersion" in given else {})


def _refuse_reader(identity: Identity) -> None:
    if identity.read_only_namespaces:
        raise access_denied(f"{identity.access_key_id} may not change work groups")
