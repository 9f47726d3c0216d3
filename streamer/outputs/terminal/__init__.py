"""Live view of a run in a terminal, and the drawing it shares with other commands."""
