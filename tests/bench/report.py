"""What a run ends with: a table on the terminal, and two files."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from tests.bench.processes import Sample
from tests.bench.rows import Figure

QUIET_LOAD = 0.5


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was at that moment."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "processor": model[1] if model else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average_before": os.getloadavg()[0],
    }


def write(
    folder: Path,
    figures: Sequence[Figure],
    facts: Mapping[str, Any],
    samples: Mapping[str, Sequence[Sample]],
) -> tuple[Path, Path]:
    """Write `bench.json`, the figures, and `bench-facts.json`, what is behind them.

    Args:
        folder: Where to.
        figures: Of the rows that could be measured.
        facts: The machine, sizes, and rows that are absent.
        samples: Every single measurement.

    Returns:
        Both paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    behind = {
        **facts,
        "samples": {
            name: [{"seconds": s["seconds"], "peak_mib": s["peak_mib"]} for s in map(asdict, taken)]
            for name, taken in samples.items()
        },
    }
    paths = folder / "bench.json", folder / "bench-facts.json"
    for path, content in zip(paths, ([f.as_object() for f in figures], behind), strict=True):
        # A run that is interrupted leaves the old file whole.
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        unfinished.replace(path)
    return paths


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print the table; bench.json has the words for it."""
    table = Table(title="Ours against theirs, medians", title_justify="left")
    table.add_column("row")
    for name in ("ours", "theirs", "ratio", "goal"):
        table.add_column(name, justify="right", no_wrap=True)
    for figure in figures:
        colour = {True: "green", False: "red", None: "default"}[figure.is_met]
        table.add_row(
            f"{figure.row}: {figure.about}" if figure.about else figure.row,
            f"{figure.ours:.2f} {figure.unit}",
            f"{figure.theirs:.2f} {figure.unit}",
            f"[{colour}]{figure.ratio:.3g}[/]",
            goal_text(figure),
        )
    console.print(table)


def goal_text(figure: Figure) -> str:
    """The goal, and whether it is met; a small one also as "so many times faster"."""
    if figure.goal is None:
        return ""
    verdict = "met" if figure.is_met else "MISSED"
    if figure.goal < 1 / 4:
        verdict = f"(1/{1 / figure.goal:.0f}) {verdict}"
    return f"≤ {figure.goal:g} {verdict}"
