"""The board in pictures: the browser draws them with what the page brings along."""

import plotly.graph_objects as go

from fastchat.arena.leaderboard import Leaderboard
from fastchat.webui.texts import Words

# The chart is read by text size, not by its own colours: it sits on a light and on a dark page.
GREY, ACCENT = "#8b93a7", "#6366f1"
MOST_MODELS = 40


def intervals(board: Leaderboard, words: Words) -> go.Figure:
    """Each rating with its interval, the best on top."""
    rows = [row for row in board.rows if row.rating is not None][:MOST_MODELS]
    ratings = [row.rating or 0.0 for row in rows]
    above = [(row.upper or 0.0) - rating for row, rating in zip(rows, ratings, strict=True)]
    below = [rating - (row.lower or 0.0) for row, rating in zip(rows, ratings, strict=True)]
    figure = go.Figure(
        go.Scatter(
            x=ratings,
            y=[_label(row.model) for row in rows],
            mode="markers",
            marker={"size": 9, "color": ACCENT},
            error_x={
                "type": "data", "array": above, "arrayminus": below, "color": ACCENT,
                "thickness": 2, "width": 6,
            },
            hovertemplate="%{y}: %{x:.0f}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category")
    return _plain(figure, words.chart_intervals, 90 + 34 * max(len(rows), 2))


def wins(board: Leaderboard, words: Words) -> go.Figure:
    """The share that the model of the row won, with the number of battles."""
    matrix = board.matrix
    names = [row.model for row in board.rows][:MOST_MODELS]
    places = [matrix.models.index(name) for name in names]
    battles = [[float(matrix.battles[i, j]) for j in places] for i in places]
    shares = [
        [float(matrix.points[i, j] / matrix.battles[i, j]) if matrix.battles[i, j] else None
         for j in places]
        for i in places
    ]  # fmt: skip
    texts = [
        [_cell(share, count) for share, count in zip(*pair, strict=True)]
        for pair in zip(shares, battles, strict=True)
    ]
    labels = [_label(name) for name in names]
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=labels, y=labels, zmin=0, zmax=1, colorscale="RdBu", xgap=2, ygap=2,
            customdata=battles, text=texts,
            texttemplate="%{text}" if len(names) <= 12 else None,
            hovertemplate="%{y} / %{x}: %{z:.0%} (%{customdata:.0f})<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(type="category", side="top")
    figure.update_yaxes(autorange="reversed", type="category")
    return _plain(figure, words.chart_wins, 150 + 46 * max(len(names), 2))


def _cell(share: float | None, count: float) -> str:
    return "" if share is None else f"{share:.0%}<br>{count:.0f}"


def _plain(figure: go.Figure, title: str, height: int) -> go.Figure:
    figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        height=height,
        margin={"l": 10, "r": 20, "t": 60, "b": 30},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": GREY},
        showlegend=False,
    )
    figure.update_xaxes(gridcolor="rgba(139,147,167,.25)", automargin=True)
    figure.update_yaxes(gridcolor="rgba(139,147,167,.25)", automargin=True)
    return figure


def _label(name: str) -> str:
    """Plotly reads a little HTML in its labels; a name has none."""
    return name.replace("&", "&amp;").replace("<", "&lt;")[:60]
