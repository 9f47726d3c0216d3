"""What the network hears of the music: rendered, decoded, turned into frames, embedded."""
