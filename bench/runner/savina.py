# SPDX-License-Identifier: BSL-1.0
"""Savina: covey, CAF and Erlang. A program runs a benchmark a few times and prints the median."""

import re
from dataclasses import dataclass

from .running import Outcome, run_once
from .systems import COVEY_SAVINA, SAVINA_CAF, SAVINA_ERLANG
from .workloads import Case, Workload

ITERATIONS = 3  # in one process, after which its memory and its code are warm

_ROW = re.compile(r"^(\w+) +([\d.]+) +([\d.]+) +([\d.]+)   +\S", re.MULTILINE)

WORKLOADS = {
    name: Workload(name, what, "ms", "ms")
    for name, what in {
        "pingpong": "two actors, 40,000 rounds",
        "count": "1,000,000 messages into one mailbox, then a question",
        "fjthrput": "10,000 messages each to 60 actors",
        "fjcreate": "40,000 actors, a message each",
        "threadring": "100 actors, 100,000 hops",
        "chameneos": "100 creatures, 200,000 meetings",
        "big": "120 actors, 20,000 pings each",
        "banking": "1,000 accounts, 50,000 transfers",
    }.items()
}


@dataclass(frozen=True)
class Savina:
    name: str
    start: tuple[str, ...]
    options: tuple[str, ...]  # {runs} and {workers} stand for numbers

    def command(self, case: Case) -> list[str]:
        def filled(words: tuple[str, ...]) -> list[str]:
            return [
                word.replace("{workers}", str(case.workers)).replace("{runs}", str(ITERATIONS))
                for word in words
            ]

        return [*filled(self.start), case.workload, *filled(self.options)]


_OPTIONS = ("--runs", "{runs}", "--workers", "{workers}")
COVEY = Savina("covey", (str(COVEY_SAVINA),), _OPTIONS)
PEERS = {
    "caf": Savina("caf", SAVINA_CAF.start, _OPTIONS),
    "erlang": Savina("erlang", SAVINA_ERLANG.start, ("{runs}", "{workers}")),
}


def parse(text: str) -> dict[str, float]:
    """The median of a table with one row."""
    found = _ROW.findall(text)
    return {"ms": float(found[0][1])} if len(found) == 1 else {}


def run(command: list[str], timeout: float) -> Outcome:
    return run_once(command, timeout, parse)
