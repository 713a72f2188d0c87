"""Which job moves rows from where to where, as Meltano's files say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from orchestrate.environment import PROJECT_ROOT

_JOBS = PROJECT_ROOT / "orchestrate" / "jobs.meltano.yml"
_SOURCES = PROJECT_ROOT / "extract"


@dataclass(frozen=True)
class Move:
    """A job that moves rows.

    Attributes:
        tap: Name of the plugin that reads.
        destination: Where the rows go: the name of the plugin that writes, less `target-`.
        is_reconcile: Whether the tap sends keys only.
    """

    tap: str
    destination: str
    is_reconcile: bool


def moves() -> dict[str, Move]:
    """The jobs that move rows, by name."""
    reconciling = _reconciling_taps()
    found = {}
    for job in yaml.safe_load(_JOBS.read_text())["jobs"]:
        plugins = job["tasks"][0].split()
        if plugins[0].startswith("tap-"):
            destination = plugins[-1].removeprefix("target-")
            found[job["name"]] = Move(plugins[0], destination, plugins[0] in reconciling)
    return found


def _reconciling_taps() -> set[str]:
    taps: dict[str, dict[str, Any]] = {}
    for file in _SOURCES.glob("*.meltano.yml"):
        plugins = yaml.safe_load(file.read_text()).get("plugins", {})
        taps |= {tap["name"]: tap for tap in plugins.get("extractors", [])}

    def is_reconciling(name: str | None) -> bool:
        tap = taps.get(name or "", {})
        own = tap.get("config", {}).get("reconcile")
        return is_reconciling(tap["inherit_from"]) if own is None and tap else bool(own)

    return {name for name in taps if is_reconciling(name)}
