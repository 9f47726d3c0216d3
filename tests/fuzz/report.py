"""Format results as a Markdown table."""

from collections.abc import Sequence

from tests.fuzz.runner import Outcome

_HEAD = """\
| target | seed | inputs | seconds | kinds of results | findings |
|---|---|---|---|---|---|
"""


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a row per target, the totals, and the most frequent results."""
    rows = [
        f"| {each.target} | {each.seed} | {each.inputs:,} | {each.seconds:.0f} | "
        f"{len(each.kinds)} | {len(each.findings)} |\n"
        for each in outcomes
    ]
    if len(outcomes) > 1:
        inputs, seconds = sum(o.inputs for o in outcomes), sum(o.seconds for o in outcomes)
        kinds, found = sum(len(o.kinds) for o in outcomes), sum(len(o.findings) for o in outcomes)
        rows.append(f"| all | | {inputs:,} | {seconds:.0f} | {kinds} | {found} |\n")
    answers = [
        f"\n{each.target}:\n"
        + "".join(f"  {times:7,}  {kind}\n" for kind, times in each.kinds.most_common(8))
        for each in outcomes
    ]
    found = [
        f"\nFINDING {each.target} {numbers[:5]}, {len(numbers)} times: {kind}\n"
        for each in outcomes
        for kind, numbers in each.findings.items()
    ]
    return _HEAD + "".join(rows) + "".join(answers) + "".join(found)
