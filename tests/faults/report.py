"""What happened, for people: the tables of `docs/faults.md`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.faults.pipe import Outcome
from tests.faults.places import Difference
from tests.faults.schedule import Kill, Restart, Round


@dataclass(frozen=True)
class Strike:
    """A kill, and the run that it struck or missed.

    Attributes:
        has_struck: Whether something still ran.
    """

    planned: Round
    kill: Kill
    has_struck: bool
    outcome: Outcome


@dataclass
class Report:
    """All that happened.

    Attributes:
        seed: Of the plan.
        kills: How many were asked for.
        began: Monotonic clock.
        seconds: How long it took.
        undisturbed: Runs that were left alone, and ended well.
        database_looks: How often the database was read in between.
        lake_snapshots: How many states of the lake's tables were read.
        rows: Rows of each of the source's tables at the end.
    """

    seed: str
    kills: int
    began: float
    seconds: float = 0.0
    strikes: list[Strike] = field(default_factory=list)
    restarts: list[Restart] = field(default_factory=list)
    undisturbed: int = 0
    database_looks: int = 0
    lake_snapshots: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    differences: Sequence[Difference] = ()

    @property
    def struck(self) -> int:
        """How many runs were killed."""
        return sum(strike.has_struck for strike in self.strikes)

    def repeat(self) -> str:
        """The command that plans the same again."""
        return f"python -m tests.faults --kills {self.kills} --seed {self.seed}"

    def as_markdown(self) -> str:
        """The report as `docs/faults.md` holds it."""
        struck = [strike for strike in self.strikes if strike.has_struck]
        kills = Counter(
            (
                strike.kill.pipe,
                strike.kill.victim.value,
                strike.kill.signal,
                bool(strike.outcome.commits),
            )
            for strike in struck
        )
        killed = [
            (pipe, victim, name, *(kills[pipe, victim, name, did] for did in (False, True)))
            for pipe, victim, name in sorted({key[:3] for key in kills})
        ]
        restarted = Counter((restart.part, restart.signal) for restart in self.restarts)
        outcome = "; ".join(map(str, self.differences)) or (
            "source, database and lake hold the same rows, value by value; no reader found half a "
            "commit"
        )
        return "\n".join(
            [
                f"`{self.repeat()}`: {len(struck)} runs killed, {sum(restarted.values())} servers "
                f"restarted, {self.undisturbed} runs left alone, {self.seconds:.0f} s.",
                f"The database was read {self.database_looks} times meanwhile, the lake in each of "
                f"its {self.lake_snapshots} snapshots.",
                "",
                f"**Outcome: {outcome}.**",
                "",
                *_table(("into", "killed", "by", "committed nothing", "something"), killed),
                "",
                *_table(
                    ("server restarted", "by", "times"),
                    [(*key, times) for key, times in sorted(restarted.items())],
                ),
                "",
                *_table(("table", "rows at the end"), sorted(self.rows.items())),
                "",
            ]
        )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]
