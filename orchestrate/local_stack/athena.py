"""The local Athena as a part of the stack: one Python process over the lake."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from orchestrate.local_athena import version
from orchestrate.local_stack.asking import Signing, request
from orchestrate.local_stack.errors import CredentialsRefused, NotAnsweringYet
from orchestrate.local_stack.part import Part
from orchestrate.local_stack.processes import clean_environment
from orchestrate.local_stack.settings import (
    PROJECT_ROOT,
    AthenaSettings,
    LakeSettings,
    StackSettings,
)


@dataclass(frozen=True)
class AthenaPart(Part):
    """`python -m orchestrate.local_athena`, which needs the lake to start."""

    settings: AthenaSettings
    lake: LakeSettings
    variables: Mapping[str, str] = field(repr=False)
    starts_last: ClassVar[bool] = True

    @classmethod
    def create(cls, settings: StackSettings) -> AthenaPart:
        """The part that `settings` describe."""
        return cls(
            name=settings.athena.part,
            directory=settings.directory / settings.athena.part,
            # The lake's address too, since the endpoint must start again when that changes.
            address=f"{settings.athena.endpoint} (over {settings.lake.s3_endpoint}, "
            f"{settings.lake.catalog_uri})",
            ports=settings.athena.ports,
            program=Path(sys.executable).name,
            stop_signal=signal.SIGTERM,
            settings=settings.athena,
            lake=settings.lake,
            variables=settings.variables,
        )

    def prepare(self) -> None:
        """See Part."""
        self.data.mkdir(exist_ok=True)

    def provision(self) -> None:
        """See Part: nothing, the keys are in the environment."""

    def command(self) -> Sequence[str]:
        """See Part."""
        return [sys.executable, "-m", "orchestrate.local_athena", str(self.data)]

    def environment(self) -> dict[str, str]:
        """See Part."""
        own = {name: value for name, value in self.variables.items() if "PASSWORD" not in name}
        return {
            **clean_environment(self.directory),
            **own,
            "PYTHONPATH": str(PROJECT_ROOT),
            "PYTHONUNBUFFERED": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def check(self) -> None:
        """See Part: ask for the work group of the settings with either key."""
        for key in (self.lake.owner_key, self.lake.dbt_key):
            answer = request(
                f"{self.settings.endpoint}/",
                headers={
                    "Content-Type": "application/x-amz-json-1.1",
                    "X-Amz-Target": "AmazonAthena.GetWorkGroup",
                },
                body=json.dumps({"WorkGroup": self.settings.work_group}).encode(),
                sign=Signing("athena", self.settings.region, key),
            )
            configuration = json.loads(answer)["WorkGroup"]["Configuration"]
            if configuration.get("BytesScannedCutoffPerQuery") != self.settings.bytes_limit:
                raise CredentialsRefused(f"{self.settings.endpoint} has another limit of bytes")

    def outdated(self) -> str | None:
        """See Part: ask which code it runs; its queries fail when it stops, and say so."""
        try:
            about = json.loads(request(f"{self.settings.endpoint}/"))
        except NotAnsweringYet:
            return "new code"  # before it told its own
        if about["code"] == version.of_code():
            return None
        return f"new code; queries failed: {about['queries']}" if about["queries"] else "new code"

    def leftovers(self) -> tuple[Path, ...]:
        """See Part: none."""
        return ()
