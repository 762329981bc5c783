# SPDX-License-Identifier: BSL-1.0
"""What is measured, and what has to come out: goals.toml as objects."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path


class Mistake(Exception):
    """The user or a data file asks for what there isn't; its text is the whole message."""


@dataclass(frozen=True)
class Goal:
    """A ratio to a peer's median in the same run, or an absolute limit."""

    metric: str
    workers: int
    peer: str | None = None
    peer_workers: int = 0
    ratio: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Workload:
    name: str
    what: str
    unit: str
    metric: str
    goals: tuple[Goal, ...] = ()
    sizes: tuple[int, ...] = ()

    def goals_at(self, workers: int) -> list[Goal]:
        return [goal for goal in self.goals if goal.workers == workers]

    def goal_peers(self) -> set[str]:
        return {goal.peer for goal in self.goals if goal.peer not in (None, "covey")}


@dataclass(frozen=True, order=True)
class Case:
    """One workload as it is given to a program; size: of a scaling workload."""

    workload: str
    workers: int
    size: int | None = field(default=None)

    def __str__(self) -> str:
        size = "" if self.size is None else f" {self.size:,}"
        return f"{self.workload}{size}, {self.workers} worker{'s' if self.workers > 1 else ''}"


def read(path: Path) -> dict[str, Workload]:
    with open(path, "rb") as file:
        return parse(tomllib.load(file))


def parse(data: dict) -> dict[str, Workload]:
    result = {}
    for entry in data["workload"]:
        entry = dict(entry)
        goals = tuple(_goal(goal, entry) for goal in entry.pop("goals", []))
        sizes = tuple(entry.pop("sizes", ()))
        result[entry["name"]] = Workload(goals=goals, sizes=sizes, **entry)
    return result


def _goal(entry: dict, workload: dict) -> Goal:
    known = {"workers", "metric", "peer", "peer_workers", "ratio", "at_most"}
    if unknown := set(entry) - known:
        raise Mistake(f"goals.toml, {workload['name']}: a goal has no {', '.join(sorted(unknown))}")
    if ("peer" in entry) != ("ratio" in entry) or ("peer" in entry) == ("at_most" in entry):
        raise Mistake(f"goals.toml, {workload['name']}: a goal has a peer and a ratio, or at_most")
    filled = {"metric": workload["metric"], "peer_workers": entry["workers"]} | entry
    return Goal(**filled)
