# SPDX-License-Identifier: BSL-1.0
"""Running programs, one process at a time, and reading what they print."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from .workloads import Case

UNSUPPORTED_STATUS = 3
_METRIC = re.compile(r"^M (\S+) (\S+)$", re.MULTILINE)


class Program(Protocol):
    name: str

    def command(self, case: Case) -> list[str] | None:
        """None: it has no counterpart of this."""


@dataclass(frozen=True)
class Outcome:
    """Of one process: figures, or a failure in one line, or neither: it has no counterpart."""

    metrics: dict[str, float] = field(default_factory=dict)
    failure: str | None = None

    @property
    def unsupported(self) -> bool:
        return not self.metrics and self.failure is None


def parse_metrics(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in _METRIC.findall(text)}


def run_process(command: list[str], timeout: float) -> tuple[int | None, str, str]:
    """Status, standard output and standard error; status None: it took longer than that."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=timeout)
        return process.returncode, output, errors
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        output, errors = process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            return None, output, errors
        raise


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it says nothing"


def run_once(
    command: list[str],
    timeout: float,
    parse: Callable[[str], dict[str, float]] = parse_metrics,
) -> Outcome:
    try:
        status, output, errors = run_process(command, timeout)
    except OSError as error:
        return Outcome(failure=f"does not start: {error}")
    if status is None:
        return Outcome(failure=f"did not finish within {timeout:g} s")
    if status == UNSUPPORTED_STATUS and "UNSUPPORTED" in output:
        return Outcome()
    if status < 0:
        name = signal.Signals(-status).name
        return Outcome(failure=f"was killed by {name}: {_last_line(errors or output)}")
    if status != 0:
        return Outcome(failure=f"exit status {status}: {_last_line(errors or output)}")
    try:
        metrics = parse(output)
    except ValueError as error:
        return Outcome(failure=f"prints a figure that is none: {error}")
    return Outcome(metrics) if metrics else Outcome(failure="printed no figure")


@dataclass
class Series:
    """What one program did with one case, all runs of it."""

    metrics: dict[str, list[float]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    unsupported: bool = False

    def add(self, outcome: Outcome) -> None:
        if outcome.failure:
            self.failures.append(outcome.failure)
        elif outcome.unsupported:
            self.unsupported = True
        for name, value in outcome.metrics.items():
            self.metrics.setdefault(name, []).append(value)

    @property
    def over(self) -> bool:
        """Running it again would tell nothing more."""
        return self.unsupported or bool(self.failures)


Results = dict[Case, dict[str, Series]]


def run_all(
    cases: Iterable[Case],
    programs: Callable[[Case], list[Program]],
    runs: int,
    timeout: float,
    progress: Callable[[Case, int, str, Outcome | None], None] = lambda *_: None,
    run: Callable[[list[str], float], Outcome] = run_once,
) -> Results:
    """Each case `runs` times; in each round every program once, in turn, so that what the machine
    does meanwhile happens to all of them."""
    results: Results = {}
    for case in cases:
        series = results.setdefault(case, {})
        chosen = [(p, p.command(case)) for p in programs(case)]
        for program, command in chosen:
            series[program.name] = Series(unsupported=command is None)
        for round_number in range(runs):
            for program, command in chosen:
                if series[program.name].over:
                    continue
                progress(case, round_number, program.name, None)
                outcome = run(command, timeout)
                series[program.name].add(outcome)
                progress(case, round_number, program.name, outcome)
    return results
