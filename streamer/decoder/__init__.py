"""Decoding with FFmpeg, as it runs in a process of its own.

A file or a stream that crashes FFmpeg, hangs it or wants all memory ends that process and nothing
else. `worker` is the process, `streamer.audio.decoder_client` its other side, and
`streamer.child.framing` their messages. Little is imported here, so that the process is there soon
and small.
"""
