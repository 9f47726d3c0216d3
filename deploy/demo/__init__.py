"""The demo piece: an original composition, its MIDI file and its rendering.

`python -m deploy.demo` composes, renders and writes what `streamer.demo` ships. The piece moves
through four moods, one for each quadrant of the valence/arousal plane, by musical means:
tempo, density, dynamics, register and drums for arousal; mode and harmony for valence.
"""
