"""Battles and votes as they are counted."""

from fastchat.arena.figures import ArenaFigures
from fastchat.core.metrics import exposed, registry
from tests.exposition import Told


def test_every_series_is_there_from_the_start_and_no_other() -> None:
    arena = ArenaFigures(kinds=("battle", "side_by_side"))
    arena.fought("battle", "failed")
    arena.voted("side_by_side", "both_bad")
    told = Told(exposed(registry(arena.figures)).decode())
    assert told.value("arena_battles_total", kind="battle", outcome="failed") == 1
    assert told.value("arena_battles_total", kind="battle", outcome="whole") == 0
    assert told.value("arena_votes_total", kind="side_by_side", winner="both_bad") == 1
    assert told.labels("arena_votes_total", "kind") == {"battle", "side_by_side"}
    assert told.labels("arena_votes_total", "winner") == {"left", "right", "tie", "both_bad"}
