"""The arena."""

from tools.boards.graph import Graph, in_an_hour, part

ARENA = (
    Graph(
        title="Battles",
        says="In an hour, on the page and over the API; failed: a side has no whole answer",
        unit="short",
        queries=in_an_hour("arena_battles_total", "kind, outcome"),
    ),
    Graph(
        title="Votes",
        says="In an hour, by where the battle was fought",
        unit="short",
        queries=in_an_hour("arena_votes_total", "kind"),
    ),
    Graph(
        title="Votes by winner",
        says="In an hour; as sides are drawn by chance, left and right win alike in the long run",
        unit="short",
        queries=in_an_hour("arena_votes_total", "winner"),
    ),
    Graph(
        title="Voted on, and failed",
        says="The part of the last hour's battles",
        unit="percentunit",
        queries={
            "voted on": part("arena_votes_total", "", 'arena_battles_total{outcome="whole"}'),
            "failed": part("arena_battles_total", '{outcome="failed"}', "arena_battles_total"),
        },
    ),
)
