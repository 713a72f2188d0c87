"""Whole `meltano run` commands over ten tables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path

import yaml

from orchestrate.local_stack.settings import PROJECT_ROOT, PostgresSettings
from tests.bench.data import ROWS_OF_TEN_TABLES, TEN_TABLES, row_count
from tests.bench.peers import Peers
from tests.bench.processes import Program, Sample, run
from tests.bench.workplace import MELTANOLABS_TAP, MELTANOLABS_TARGET, Workplace, check_rows

MELTANO = PROJECT_ROOT / ".venv" / "bin" / "meltano"
_PEER_SCHEMA = "meltanolabs"
_OUR_SCHEMA = "raw"


class MeltanoRuns:
    """This project's pipelines, and the MeltanoLabs pair in a small project of its own.

    All states are kept in the benchmark's folder. The first run of each loads the tables and is
    not measured.
    """

    def __init__(self, workplace: Workplace, peers: Peers) -> None:
        """Nothing is run yet."""
        self._workplace = workplace
        self._peers = peers

    def ours_to_database(self) -> Sample:
        """`meltano run` of this project into the database, nothing new."""
        self._check(_OUR_SCHEMA, self._ours_are_loaded)
        return self._run_ours("tap-trackman-backend", "target-dataengineering-db")

    def ours_to_lake(self) -> Sample:
        """`meltano run` of this project into the lake, nothing new."""
        _ = self._lake_is_loaded
        tables = [f"table_{number}" for number in range(TEN_TABLES)]
        found = sum(self._workplace.lake_rows(_OUR_SCHEMA, table) for table in tables)
        check_rows(f"the namespace {_OUR_SCHEMA}", found, TEN_TABLES * ROWS_OF_TEN_TABLES)
        return self._run_ours("tap-trackman-backend-for-lake", "target-trackman-lake")

    def meltanolabs(self) -> Sample:
        """`meltano run` of the MeltanoLabs pair into the database, nothing new."""
        self._check(_PEER_SCHEMA, self._project)
        return self._run_peer(self._project)

    @cached_property
    def _ours_are_loaded(self) -> Sample:
        return self._run_ours("tap-trackman-backend", "target-dataengineering-db")

    @cached_property
    def _lake_is_loaded(self) -> Sample:
        return self._run_ours("tap-trackman-backend-for-lake", "target-trackman-lake")

    @cached_property
    def _database(self) -> PostgresSettings:
        return self._workplace.data.ten_tables()

    @cached_property
    def _project(self) -> Path:
        """The MeltanoLabs pair's project, its tables loaded."""
        project = self._workplace.folder / "meltano"
        project.mkdir()
        tap, target = self._peers.tap(self._database), self._peers.target(_PEER_SCHEMA)
        content = {
            "version": 1,
            "project_id": "bench",
            "send_anonymous_usage_stats": False,
            "default_environment": "bench",
            "environments": [{"name": "bench"}],
            "plugins": {
                "extractors": [
                    {
                        "name": "tap-postgres",
                        "namespace": "tap_postgres",
                        "executable": str(MELTANOLABS_TAP),
                        "capabilities": ["catalog", "discover", "state"],
                        "settings": _settings(tap.config),
                        "config": {"filter_schemas": tap.config["filter_schemas"]},
                        "select": ["public-*.*"],
                        "metadata": {
                            "*": {
                                "replication-method": "INCREMENTAL",
                                "replication-key": "updated_at",
                            }
                        },
                    }
                ],
                "loaders": [
                    {
                        "name": "target-postgres",
                        "namespace": "target_postgres",
                        "executable": str(MELTANOLABS_TARGET),
                        "capabilities": ["about"],
                        "settings": _settings(target.config),
                        "config": {"default_target_schema": _PEER_SCHEMA},
                    }
                ],
            },
        }
        (project / "meltano.yml").write_text(yaml.safe_dump(content, sort_keys=False))
        self._run_peer(project)
        return project

    def _run_peer(self, project: Path) -> Sample:
        # The addresses and passwords travel in the environment, as they would anywhere.
        plugins = {
            "TAP_POSTGRES": self._peers.tap(self._database).config,
            "TARGET_POSTGRES": self._peers.target(_PEER_SCHEMA).config,
        }
        environment = {
            f"{prefix}_{name}".upper(): str(value)
            for prefix, config in plugins.items()
            for name, value in config.items()
            if name in {"host", "port", "user", "password", "database"}
        }
        return self._meltano("meltanolabs", project, environment, "tap-postgres", "target-postgres")

    def _run_ours(self, *plugins: str) -> Sample:
        servers = self._workplace.servers
        lake = servers.settings.lake
        environment = {
            **servers.environment,
            "TRACKMAN_LAKE_ACCESS_KEY_ID": lake.access_key_id,
            "TRACKMAN_LAKE_SECRET_ACCESS_KEY": lake.secret_access_key,
            "TRACKMAN_LAKE_BUCKET": lake.bucket,
            "TRACKMAN_LAKE_REGION": lake.region,
            # The project's masks are for tables that are not among the ten.
            "TAP_TRACKMAN_BACKEND_FOR_LAKE_MASK": "[]",
            "TAP_TRACKMAN_BACKEND_FOR_LAKE_PERSONAL_DATA": "[]",
        }
        for prefix, server in (
            ("TRACKMAN_BACKEND", self._database),
            ("DATAENGINEERING_DB", servers.database),
        ):
            environment |= {
                f"{prefix}_HOST": server.host,
                f"{prefix}_USER": server.user,
                f"{prefix}_PASSWORD": server.password,
                f"{prefix}_DATABASE": server.database,
            }
        return self._meltano("ours", PROJECT_ROOT, environment, *plugins)

    def _meltano(
        self, role: str, project: Path, environment: Mapping[str, str], *plugins: str
    ) -> Sample:
        states = self._workplace.folder / f"meltano-{role}.db"
        program = Program(
            "meltano",
            (
                str(MELTANO),
                "--environment",
                "bench" if role != "ours" else "local",
                "run",
                *plugins,
            ),
            environment={
                **environment,
                "MELTANO_DATABASE_URI": f"sqlite:///{states}",
                "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
                "MELTANO_PROJECT_ROOT": str(project),
            },
            directory=project,
        )
        return run(program, log=self._workplace.log(f"meltano-{role}"), stdout=Path(os.devnull))

    def _check(self, schema: str, _loaded: object) -> None:
        with closing(self._workplace.servers.database_connection()) as connection:
            found = sum(
                row_count(connection, f"table_{number}", schema) for number in range(TEN_TABLES)
            )
        check_rows(f"the schema {schema}", found, TEN_TABLES * ROWS_OF_TEN_TABLES)


def _settings(config: Mapping[str, object]) -> list[dict[str, object]]:
    """Declare a plugin's settings for Meltano."""
    kinds: dict[type, str] = {int: "integer", list: "array"}
    return [
        {
            "name": name,
            "kind": kinds.get(type(value), "string"),
            **({"sensitive": True} if name == "password" else {}),
        }
        for name, value in config.items()
    ]
