"""Decoding with FFmpeg, as it runs in a process of its own.

A file or a stream that crashes FFmpeg, hangs it or wants all memory ends that process and nothing
else. `worker` is the process, `streamer.audio.decoding` its other side, `records` what they say to
each other. Little is imported here, so that the process is there soon and small.
"""
