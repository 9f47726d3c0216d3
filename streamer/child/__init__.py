"""Child processes: starting, limiting and supervising them, and the framing of their messages."""
