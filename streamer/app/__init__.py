"""One run: composition, commands, configuration reload, health, systemd, signals."""
