"""What a process could not tell, for Prometheus: of its logs and of its traces."""

from fastchat.core.logging import lost_lines
from fastchat.core.metrics import Figures
from fastchat.core.tracing import Tracing


def show_losses(figures: Figures, prefix: str, tracing: Tracing | None) -> None:
    show_lost_lines(figures, prefix)
    figures.gauge(
        f"{prefix}_spans_lost",
        "Spans that the collector of --otlp-endpoint was not sent, or refused.",
        lambda: 0 if tracing is None else tracing.lost(),
        rises=True,
    )


def show_lost_lines(figures: Figures, prefix: str) -> None:
    figures.gauge(
        f"{prefix}_log_lines_lost",
        "Log lines that could not be written: the disk is full, or cannot be written to.",
        lost_lines,
        rises=True,
    )
