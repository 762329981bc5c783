# SPDX-License-Identifier: BSL-1.0
import argparse
import re
import sys
from pathlib import Path

from . import plots, record, savina, setup, table
from .comparing import Row
from .comparing import rows as rows_of
from .running import Outcome, Results, run_all
from .systems import (
    COVEY_SYSTEM,
    ECHO_CLIENT,
    ROOT,
    SAVINA_SYSTEMS,
    SYSTEMS,
    System,
    refuse_stale,
)
from .workloads import Case, Mistake, Workload, read

GOALS = ROOT / "bench" / "goals.toml"


def names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def numbers(text: str) -> list[int]:
    result = [int(name) for name in names(text)]
    if not result or min(result) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} names no number of workers")
    return result


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def folder_name(text: str) -> str:
    if not re.fullmatch(r"\w[\w.-]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a folder")
    return text


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description="Measures covey against its peers, in turn, and says which goals are met.",
    )
    add = parser.add_argument
    add("workload", nargs="*", help="w1, w2, ...: without one, all of them")
    peers = "go,tokio,...; goal: each workload's own; none. Without it, all that are built"
    add("--peers", type=names, metavar="NAMES", help=peers)
    add("--runs", type=positive, help="processes of each program (5)")
    add("--quick", action="store_true", help="3 runs, the goals' peers, no scaling workloads")
    add("--workers", type=numbers, default=[1, 2], metavar="1,2", help="1,2")
    add("--timeout", type=positive, default=120, help="seconds for one process (120)")
    add("--keep", type=folder_name, metavar="NAME", help="also leave it in bench/results/NAME")
    add("--savina", action="store_true", help="the Savina suite, against CAF and Erlang")
    add("--setup", action="store_true", help="install and build the peers, or those of --peers")
    return parser.parse_args(arguments)


def chosen_workloads(asked: list[str], quick: bool, known: dict[str, Workload]) -> list[Workload]:
    if unknown := [name for name in asked if name not in known]:
        raise Mistake(f"there is no workload {', '.join(unknown)}; there are {', '.join(known)}")
    if asked:
        return [known[name] for name in asked]
    return [each for each in known.values() if not (quick and each.sizes)]


def cases_of(workloads: list[Workload], workers: list[int]) -> list[Case]:
    return [
        Case(each.name, count, size)
        for each in workloads
        for count in workers
        for size in (each.sizes or [None])
    ]


def chosen_peers(asked: list[str] | None, quick: bool, workloads: list[Workload]) -> list[System]:
    """All that are asked for. One that is named has to be built; all of them, as they are now."""
    if asked is None:
        asked = ["goal"] if quick else ["built"]
    wanted: list[str] = []
    for name in asked:
        if name == "goal":
            wanted += sorted(set().union(*(each.goal_peers() for each in workloads)))
        elif name == "built":
            wanted += [each.name for each in SYSTEMS.values() if each.is_built()]
        elif name in SYSTEMS:
            wanted.append(name)
            if not SYSTEMS[name].is_built():
                raise Mistake(f"{name} is not built: ./dev bench --setup --peers {name}")
        elif name != "none":
            raise Mistake(f"there is no peer {name}; there are {', '.join(SYSTEMS)}, goal, none")
    chosen = [each for each in SYSTEMS.values() if each.name in wanted and each.is_built()]
    refuse_stale(chosen)
    return chosen


def programs_for(peers: list[System], only_goals: bool, known: dict[str, Workload]):
    """The goal's peer runs next to covey."""

    def programs(case: Case) -> list[System]:
        mine = known[case.workload].goal_peers()
        near = [each for each in peers if each.name in mine]
        far = [] if only_goals else [each for each in peers if each.name not in mine]
        return [COVEY_SYSTEM, *near, *far]

    return programs


class Progress:
    """One line on a terminal, which is written over; one line per case elsewhere."""

    def __init__(self, total: int, runs: int) -> None:
        self.total, self.runs, self.case, self.count = total, runs, None, 0
        self.terminal = sys.stderr.isatty()

    def __call__(self, case: Case, number: int, name: str, outcome: Outcome | None) -> None:
        if case != self.case:
            self.case, self.count = case, self.count + 1
            if not self.terminal:
                print(f"{self.count}/{self.total} {case}", file=sys.stderr, flush=True)
        if self.terminal:
            text = f"{self.count}/{self.total} {case}: run {number + 1} of {self.runs}, {name}"
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
        if outcome and outcome.failure:
            self.end()
            print(f"{case}, {name}: {outcome.failure}", file=sys.stderr, flush=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def write(folder: Path, files: dict[str, str]) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return list(files)


def drawn(folder: Path, known: dict[str, Workload], rows: list[Row], results: Results) -> list[str]:
    try:
        return plots.draw(folder, known, rows, results)
    except ImportError:
        print("No plots: python3-matplotlib isn't installed. ./dev bench --setup installs it.")
        return []


def finish(
    stem: str,
    options: argparse.Namespace,
    about: dict,
    known: dict[str, Workload],
    peers: list[str],
    results: Results,
) -> int:
    """Shows and keeps what was found; the status of the command."""
    rows = rows_of(known, results)
    shown = [name for name in peers if any(name in row.summaries for row in rows)]
    report = table.report(record.headline(about), rows, shown, results)
    print(report)
    folders = [ROOT / "build" / "bench"]
    if options.keep:
        folders.append(ROOT / "bench" / "results" / options.keep)
    files = {f"{stem}.md": report, f"{stem}.json": record.as_json(about, rows, results)}
    for folder in folders:
        pictures = drawn(folder / stem, known, rows, results)
        names = write(folder, files) + [f"{stem}/{name}" for name in pictures]
        print(f"{folder.relative_to(ROOT)}: {', '.join(names)}")
    failed = any(series.failures for programs in results.values() for series in programs.values())
    return 1 if failed else 0


def measure(options: argparse.Namespace, arguments: list[str]) -> int:
    known = read(GOALS)
    workloads = chosen_workloads(options.workload, options.quick, known)
    peers = chosen_peers(options.peers, options.quick, workloads)
    only_goals = options.peers == ["goal"] or (options.peers is None and options.quick)
    needed = set().union(*(each.goal_peers() for each in workloads))
    missing = needed - {each.name for each in peers}
    if missing and options.peers is None:
        print(f"Not built, so their goals aren't measured: {', '.join(sorted(missing))}."
              " ./dev bench --setup builds them.", file=sys.stderr)  # fmt: skip

    about = record.environment([COVEY_SYSTEM, *peers], arguments, options.runs)
    cases = cases_of(workloads, options.workers)
    programs = programs_for(peers, only_goals, known)
    with Progress(len(cases), options.runs) as progress:
        results = run_all(cases, programs, options.runs, options.timeout, progress)
    return finish("table", options, about, known, [each.name for each in peers], results)


def measure_savina(options: argparse.Namespace, arguments: list[str]) -> int:
    workloads = chosen_workloads(options.workload, options.quick, savina.WORKLOADS)
    wanted = list(savina.PEERS) if options.peers is None else options.peers
    if unknown := [name for name in wanted if name not in savina.PEERS]:
        raise Mistake(f"Savina has no peer {', '.join(unknown)}; there are caf, erlang")
    if missing := [name for name in wanted if not SAVINA_SYSTEMS[name].is_built()]:
        raise Mistake(f"{', '.join(missing)} isn't built: ./dev bench --setup")

    systems = [SAVINA_SYSTEMS[name] for name in wanted]
    refuse_stale(systems)
    about = record.environment(systems, arguments, options.runs)
    about["iterations"] = savina.ITERATIONS
    cases = cases_of(workloads, options.workers)
    programs = [savina.COVEY, *(savina.PEERS[name] for name in wanted)]
    with Progress(len(cases), options.runs) as progress:
        results = run_all(
            cases, lambda _: programs, options.runs, options.timeout, progress, savina.run
        )
    return finish("savina", options, about, savina.WORKLOADS, wanted, results)


def set_up(options: argparse.Namespace) -> int:
    others = [*SAVINA_SYSTEMS.values(), ECHO_CLIENT]
    every = SYSTEMS | {each.name: each for each in others}
    wanted = options.peers or list(every)
    if unknown := [name for name in wanted if name not in every]:
        raise Mistake(f"there is no peer {', '.join(unknown)}; there are {', '.join(every)}")
    return 0 if setup.setup(every[name] for name in wanted) else 1


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    if options.runs is None:
        options.runs = 3 if options.quick else 5
    try:
        if options.setup:
            return set_up(options)
        return (measure_savina if options.savina else measure)(options, arguments)
    except Mistake as mistake:
        print(f"./dev bench: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted: nothing is kept.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
