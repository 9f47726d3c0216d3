"""DAMER, Dual-view Adaptive Music Emotion Recogniser: views, network and shipped weights."""
