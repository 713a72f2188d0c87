"""What will happen, worked out from a seed before anything does: pure, so that it can be repeated.

Moments of writers are seconds, those of kills parts of what a run has to say in its log, so that
they strike at every step of it whatever else the machine does; or a STATE, since what that claims
must be committed by then. A seed repeats the plan and not each race.
"""

from __future__ import annotations

import enum
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

# Writers


class Ending(enum.Enum):
    """How a transaction ends."""

    COMMIT = "commit"
    ROLLBACK = "rollback"
    COMMIT_PREPARED = "commit prepared"
    ROLLBACK_PREPARED = "rollback prepared"

    @property
    def is_prepared(self) -> bool:
        """Whether it is prepared first (two-phase commit)."""
        return self in {Ending.COMMIT_PREPARED, Ending.ROLLBACK_PREPARED}


class Write(enum.Enum):
    """What a statement does."""

    INSERT = "insert"
    UPDATE = "update"
    SOFT_DELETE = "soft delete"
    HARD_DELETE = "hard delete"


@dataclass(frozen=True)
class Statement:
    """A write of a transaction.

    Attributes:
        at: Seconds after the transaction began.
        table: Index in the list of tables.
        write: What it does; where the table does not allow it, it inserts.
        rows: How many rows, if it inserts.
        in_savepoint: Whether it runs in a subtransaction, which has an id of its own.
    """

    at: float
    table: int
    write: Write
    rows: int
    in_savepoint: bool


@dataclass(frozen=True)
class Transaction:
    """A transaction of a writer.

    Attributes:
        pause: Seconds before it begins.
        duration: Seconds from its first statement to its end, or to being prepared.
        prepared_for: Seconds that it stays prepared.
    """

    pause: float
    duration: float
    prepared_for: float
    ending: Ending
    statements: tuple[Statement, ...]


_ENDINGS = {
    Ending.COMMIT: 70,
    Ending.ROLLBACK: 15,
    Ending.COMMIT_PREPARED: 10,
    Ending.ROLLBACK_PREPARED: 5,
}
_WRITES = {Write.INSERT: 5, Write.UPDATE: 4, Write.SOFT_DELETE: 1, Write.HARD_DELETE: 1}


def transactions(seed: str, tables: int, seconds: float, longest: float) -> Iterator[Transaction]:
    """What one writer does.

    Args:
        seed: Another one for each writer.
        tables: How many tables there are.
        seconds: The last transaction begins before.
        longest: Longest duration of a transaction in seconds.
    """
    chance = random.Random(seed)
    elapsed = 0.0
    while True:
        # Most are short, as in life; a few take all the time there is.
        duration = longest * chance.random() ** 3
        ending = _pick(chance, _ENDINGS)
        found = Transaction(
            pause=chance.uniform(0, longest / 12),
            duration=duration,
            prepared_for=chance.uniform(0, longest / 3) if ending.is_prepared else 0,
            ending=ending,
            statements=tuple(_statements(chance, tables, duration)),
        )
        elapsed += found.pause
        if elapsed >= seconds:
            return
        yield found
        elapsed += found.duration + found.prepared_for


def _statements(chance: random.Random, tables: int, duration: float) -> Iterator[Statement]:
    # The first at once: a transaction without one has not begun.
    moments = [0.0, *sorted(chance.uniform(0, duration) for _ in range(chance.randrange(1, 6)))]
    for moment in moments:
        yield Statement(
            at=moment,
            table=chance.randrange(tables),
            write=_pick(chance, _WRITES),
            rows=chance.randrange(1, 40),
            in_savepoint=chance.random() < 0.2,
        )


# Kills


class Victim(enum.Enum):
    """What is killed of a run."""

    TAP = "tap"
    TARGET = "target"
    BOTH = "tap and target"
    ALL = "tap, target and runner"  # a STATE that is written then is read by nobody


@dataclass(frozen=True)
class Moment:
    """When in a run something happens.

    Attributes:
        part: Of the lines that an undisturbed run logs, so many have been logged, 0 to 1; or of the
            STATEs that it writes, so many have been written.
        delay: Seconds after that.
        at_state: Whether STATEs count, not lines.
    """

    part: float
    delay: float
    at_state: bool = False


@dataclass(frozen=True)
class Kill:
    """The end of one run.

    Attributes:
        pipe: Of which pipe, by name.
        signal: `KILL` or `TERM`.
        moment: When it strikes.
    """

    pipe: str
    victim: Victim
    signal: str
    moment: Moment


@dataclass(frozen=True)
class Restart:
    """A server that ends and comes back.

    Attributes:
        part: Of the local stack, by name.
        signal: `KILL`, or `STOP` for the orderly way.
        pipe: The one whose run says when.
        moment: When it ends.
    """

    part: str
    signal: str
    pipe: str
    moment: Moment


@dataclass(frozen=True)
class Round:
    """One run of each pipe, and what befalls it."""

    number: int
    kills: tuple[Kill, ...]
    restart: Restart | None


STRUCK_IN = 0.85
"""Part of the rounds in which a pipe's run is killed."""

RESTARTED_IN = 0.3
"""Part of the rounds in which a server is restarted."""

STRUCK_AT_STATE = 0.5
"""Part of the kills that come with a STATE, before the target can do anything more."""

_LAST_STATES = 0.8
"""Part of the STATEs that have commits after them."""

_DELAY_SECONDS = 0.2
"""Longest from a line to what happens after it. Mostly it is far shorter: the steps that matter, a
commit and the STATE after it, follow their line at once and take some milliseconds."""


def rounds(seed: str, pipes: Sequence[str], parts: Sequence[str]) -> Iterator[Round]:
    """Plan rounds without end.

    Args:
        seed: Of the plan.
        pipes: Names of the pipes, which run side by side; each round kills some or all.
        parts: Names of the servers.
    """
    chance = random.Random(seed)
    for number in itertools.count(1):
        struck = [pipe for pipe in pipes if chance.random() < STRUCK_IN] or [chance.choice(pipes)]
        kills = tuple(_kill(chance, pipe) for pipe in struck)
        restart = None
        if chance.random() < RESTARTED_IN:
            restart = Restart(
                part=chance.choice(parts),
                signal=chance.choice(["KILL", "STOP"]),
                pipe=chance.choice(pipes),
                moment=_moment(chance),
            )
        yield Round(number, kills, restart)


def _kill(chance: random.Random, pipe: str) -> Kill:
    if chance.random() < STRUCK_AT_STATE:
        # By TERM the target ends what it has begun; a runner that is dead keeps no STATE.
        victim = chance.choice([Victim.TARGET, Victim.BOTH])
        moment = Moment(_LAST_STATES * chance.random(), 0.0, at_state=True)
        return Kill(pipe, victim, "KILL", moment)
    victim, name = chance.choice(list(Victim)), chance.choice(["KILL", "TERM"])
    return Kill(pipe, victim, name, _moment(chance))


def _moment(chance: random.Random) -> Moment:
    return Moment(chance.random(), _DELAY_SECONDS * chance.random() ** 3)


def _pick(chance: random.Random, weights: dict[T, int]) -> T:
    return chance.choices(list(weights), list(weights.values()))[0]
