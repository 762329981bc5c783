# SPDX-License-Identifier: BSL-1.0
"""The tables that people read: Markdown that is aligned, so that it reads as text too."""

from .comparing import NOISY, Judgement, Row, Summary, Verdict, ratio
from .running import Results


def number(value: float) -> str:
    """Three digits that mean something, or all of a whole number."""
    size = abs(value)
    if size >= 100 or size == 0:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def marked(text: str, summary: Summary) -> str:
    return text + (" !" if summary.noisy else "")


def median_text(summary: Summary | None) -> str:
    return marked(number(summary.median), summary) if summary else "-"


def spread_text(summary: Summary | None) -> str:
    if summary is None:
        return "-"
    return marked(f"{number(summary.least)}-{number(summary.most)}", summary)


def goal_text(judgement: Judgement) -> str:
    goal = judgement.goal
    if goal.peer is None:
        return f"<= {number(goal.at_most)}"
    peer = goal.peer
    if goal.peer_workers != goal.workers:
        peer += f" with {goal.peer_workers}"
    return f"<= {goal.ratio:g} x {peer}"


def reached_text(judgement: Judgement) -> str:
    if judgement.reached is None:
        return judgement.verdict.value
    value = number(judgement.reached) if judgement.goal.peer is None else f"{judgement.reached:.2f}"
    return f"{value} {judgement.verdict.value}"


def peer_text(row: Row, peer: str) -> str:
    theirs = row.summaries.get(peer)
    if theirs is None:
        return "-"
    text = number(theirs.median)
    ours = row.summaries.get("covey")
    factor = ratio(ours, theirs) if ours else None
    if factor is not None:
        text += f" ({factor:.2f})"
    return marked(text, theirs)


def aligned(lines: list[list[str]], left: int) -> str:
    """Columns from the left-hand ones on are aligned to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines)]
    rule = ["-" * w if i < left else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    out = []
    for line in [lines[0], rule, *lines[1:]]:
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths))
        ]
        out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out)


_HEAD = ["workload", "workers", "unit", "covey"]


def what(row: Row) -> list[str]:
    """The first cells of its line."""
    size = "" if row.case.size is None else f" {row.case.size:,}"
    return [row.case.workload + size, str(row.case.workers), row.unit]


def comparison(rows: list[Row], peers: list[str]) -> str:
    """Medians and goals."""
    lines = [[*_HEAD, *peers, "goal", "reached"]]
    for row in rows:
        goals = list(row.judgements) or [None]
        for i, judgement in enumerate(goals):
            verdict = ["", ""]
            if judgement:
                verdict = [goal_text(judgement), reached_text(judgement)]
            if i > 0:  # another goal for the same figures
                lines.append([""] * (4 + len(peers)) + verdict)
                continue
            lines.append(
                what(row)
                + [median_text(row.summaries.get("covey"))]
                + [peer_text(row, peer) for peer in peers]
                + verdict
            )
    return aligned(lines, left=3)


def spreads(rows: list[Row], peers: list[str]) -> str:
    """The least and the most of the runs. Not beside the medians: a reader compares those along a
    line. Empty: there was one run."""
    if all(each.runs == 1 for row in rows for each in row.summaries.values()):
        return ""
    lines = [
        what(row) + [spread_text(row.summaries.get(name)) for name in ("covey", *peers)]
        for row in rows
    ]
    return aligned([[*_HEAD, *peers], *lines], left=3)


def notes(rows: list[Row], results: Results) -> str:
    """What a reader of the table has to know besides: noise, failures, the count of goals."""
    out = []
    for row in rows:
        goals = [judgement.goal for judgement in row.judgements]
        has_ratio = not goals or any(goal.peer for goal in goals)
        for name, each in row.summaries.items():
            if each.noisy and each.least > 0 and has_ratio:
                out.append(
                    f"! {row.case}, {name}: the highest {row.metric} is "
                    f"{each.most / each.least:.2f} times the lowest"
                )
    if out:
        out.insert(0, f"Runs of one program differ by more than {NOISY}: was the machine quiet?")
    for case, programs in results.items():
        for name, series in programs.items():
            out += [f"FAILED {case}, {name}: {failure}" for failure in series.failures]
    verdicts = [judgement.verdict for row in rows for judgement in row.judgements]
    if verdicts:
        counts = {verdict: verdicts.count(verdict) for verdict in Verdict}
        out.append(
            f"{len(verdicts)} goals: {counts[Verdict.MET]} met, {counts[Verdict.MISSED]} missed, "
            f"{counts[Verdict.UNKNOWN]} not measured"
        )
    return "\n".join(out)


def report(head: str, rows: list[Row], peers: list[str], results: Results) -> str:
    """All that is printed and kept as text."""
    parts = [head.rstrip("\n"), "Medians of the runs, and (covey / peer):", comparison(rows, peers)]
    if least_and_most := spreads(rows, peers):
        parts += ["Least-most of the runs:", least_and_most]
    if remarks := notes(rows, results):
        parts.append(remarks)
    return "\n\n".join(parts) + "\n"
