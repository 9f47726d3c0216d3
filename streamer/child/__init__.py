"""Child processes of the program: the microphone capture, the audio decoder, the dashboard server.

- `supervisor`, in the main process: start, watch, kill and reap a child
- `entry`, in the child: apply resource limits, take over the pipes, exit with the parent
- `framing`, in both: the messages that they exchange

`entry` and `framing` import little, so that a child starts quickly and stays small.
"""
