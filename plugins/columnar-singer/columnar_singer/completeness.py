"""What must be known of rows before they are committed: that they are all that the tap read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from columnar_singer.errors import UserError

if TYPE_CHECKING:
    from columnar_singer.facts import StreamFacts


def check_keys(facts: StreamFacts) -> None:
    """Check that the tap says how many keys it read.

    Raises:
        UserError: It does not, so that a key that did not arrive would look deleted.
    """
    if facts.rows_read is None:
        message = (
            "the tap does not say how many keys it read ('rows_read' in the bookmark), so that "
            "nobody knows whether all arrived; nothing is marked deleted"
        )
        raise UserError(message)


def check_rows(facts: StreamFacts, arrived: int) -> None:
    """Check that what the tap read has arrived.

    Args:
        facts: What the tap states; one that states no number is believed.
        arrived: Rows that are to be committed.

    Raises:
        UserError: It read another number of rows.
    """
    if facts.rows_read not in {None, arrived}:
        message = (
            f"the tap read {facts.rows_read} rows, {arrived} arrived; nothing of them is "
            "committed; run it again"
        )
        raise UserError(message)


def check_begins_at_the_beginning(facts: StreamFacts, table_name: str) -> None:
    """Check that a table that no run has committed to is not begun in the middle.

    Raises:
        UserError: The tap went on from a position.
    """
    if facts.position_from is not None:
        message = (
            f"table '{table_name}' is not there, or a run that ended before its first commit has "
            "just made it, and the state says that the source was read up to "
            f"{facts.position_from}; to load the stream whole, remove its bookmark from the state"
        )
        raise UserError(message)


def empty_refresh(table_name: str) -> UserError:
    """Give the error of a stream that was sent anew without rows where the table has some."""
    message = (
        f"the tap sent the whole stream anew and it has no rows, table '{table_name}' has some; "
        "if the source is truly empty set 'allow_empty_full_refresh' to true"
    )
    return UserError(message)
