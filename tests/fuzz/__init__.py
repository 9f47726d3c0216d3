"""Fuzzing: whatever comes from outside ends in one clear line, in bounded time and memory.

`python -m tests.fuzz [--target NAME ...] [--seconds N] [--seed N]` (Linux).

Input `number` of a target follows from the seed and the number alone, so `--number K` makes it
again. Each target is judged in a process of its own, which a native crash or a hang may end.

`mutate` changes bytes, `targets` make inputs and judge them, `worker` is the process that does it,
`running` watches it, and `report` writes the table.
"""
