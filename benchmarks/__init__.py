"""What things cost and how they behave for long; peers that benchmarks and tests share.

`python -m benchmarks.update_cost`, `... .microphone`, `... .stream`.
"""
