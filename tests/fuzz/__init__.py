"""Fuzzing: every untrusted input is accepted or rejected with one line, in bounded time and memory.

`python -m tests.fuzz [--target NAME ...] [--seconds N] [--seed N]` (Linux).

An input depends only on the seed and its number, so `--number K` reproduces it. Each target runs in
a process of its own, so that a native crash or a hang is caught.

`mutate` changes bytes, `targets` generate and check inputs, `worker` is the process that does so,
`runner` supervises it, and `report` writes the table.
"""
