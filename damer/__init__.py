"""DAMER, the dual-view music emotion recogniser: what it hears (`views`), how it thinks (`nn`)."""
