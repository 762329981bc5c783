# SPDX-License-Identifier: BSL-1.0
"""Medians, ratios, and whether a goal is met."""

from dataclasses import dataclass
from enum import Enum
from statistics import median

from .running import Results, Series
from .workloads import Case, Goal, Workload

NOISY = 1.3


@dataclass(frozen=True)
class Summary:
    median: float
    least: float
    most: float
    runs: int

    @property
    def noisy(self) -> bool:
        """The runs differ by so much that the machine can't have been quiet."""
        return self.most > NOISY * self.least


def summarize(values: list[float]) -> Summary:
    return Summary(median(values), min(values), max(values), len(values))


def summary_of(series: Series | None, metric: str) -> Summary | None:
    values = series.metrics.get(metric) if series else None
    return summarize(values) if values else None


def ratio(ours: Summary, theirs: Summary) -> float | None:
    """Of the medians; None: theirs is nothing to compare with."""
    return ours.median / theirs.median if theirs.median > 0 else None


class Verdict(Enum):
    MET = "met"
    MISSED = "MISSED"
    UNKNOWN = "not measured"


@dataclass(frozen=True)
class Judgement:
    goal: Goal
    verdict: Verdict
    reached: float | None  # the ratio, or the figure itself


def judge(goal: Goal, case: Case, results: Results) -> Judgement:
    ours = summary_of(results.get(case, {}).get("covey"), goal.metric)
    if ours is None:
        return Judgement(goal, Verdict.UNKNOWN, None)
    if goal.peer is None:
        reached, limit = ours.median, goal.at_most
    else:
        other = Case(case.workload, goal.peer_workers, case.size)
        theirs = summary_of(results.get(other, {}).get(goal.peer), goal.metric)
        reached, limit = (ratio(ours, theirs) if theirs else None), goal.ratio
    if reached is None:
        return Judgement(goal, Verdict.UNKNOWN, None)
    return Judgement(goal, Verdict.MET if reached <= limit else Verdict.MISSED, reached)


@dataclass(frozen=True)
class Row:
    """One line of the table: a metric of a case, and the goals for it."""

    case: Case
    metric: str
    unit: str
    summaries: dict[str, Summary]
    judgements: tuple[Judgement, ...]


METRIC_UNITS = {
    "late_p50": "ns late, half of the sleeps",
    "late_p99": "ns late, 1 % of the sleeps",
    "peak_bytes": "bytes at the peak",
    "bytes": "bytes each",
    "p99": "ns, 99 % of the asks",
    "idle_cpu_ms": "CPU ms in 3 s",
}


def rows(workloads: dict[str, Workload], results: Results) -> list[Row]:
    result = []
    for case, programs in results.items():
        workload = workloads[case.workload]
        goals = workload.goals_at(case.workers)
        for metric in dict.fromkeys([workload.metric, *(goal.metric for goal in goals)]):
            found = {name: summary_of(series, metric) for name, series in programs.items()}
            result.append(
                Row(
                    case,
                    metric,
                    workload.unit if metric == workload.metric else METRIC_UNITS[metric],
                    {name: each for name, each in found.items() if each},
                    tuple(judge(g, case, results) for g in goals if g.metric == metric),
                )
            )
    return result
