"""Decoding with FFmpeg, as it runs in a child process.

Input that crashes FFmpeg, hangs it or exhausts its memory ends that process only. `worker` is the
process, `messages` defines what it writes, and `streamer.audio.decoder_client` starts and reads it.
Imports are few, so that the process starts quickly and stays small.
"""
