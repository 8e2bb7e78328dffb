"""Everything that crosses a process border, as typed messages."""
