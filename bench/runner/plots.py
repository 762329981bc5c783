# SPDX-License-Identifier: BSL-1.0
"""Pictures of a run: bars for each workload, cost against size, latencies."""

from pathlib import Path

from .comparing import Row, Summary, summary_of
from .running import Results
from .workloads import Case, Workload

COLOURS = {
    "covey": "#1b6ca8",
    "go": "#5dbbc5",
    "tokio": "#c0562f",
    "asio": "#8c8c8c",
    "fiber": "#b5a36a",
    "caf": "#7c5ba6",
    "erlang": "#a3264a",
    "trio": "#4f8a4c",
    "asyncio": "#9dbb61",
    "limits": "#222222",
}
LATENCIES = {"w12": "", "w14": "wake_"}
PERCENTILES = ("p50", "p90", "p99", "p99.9")


def draw(
    folder: Path, workloads: dict[str, Workload], rows: list[Row], results: Results
) -> list[str]:
    """The names of the files; raises ImportError where there is no matplotlib."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for name, paint in (
        ("bars.svg", lambda: _bars(pyplot, workloads, rows)),
        ("scaling.svg", lambda: _scaling(pyplot, workloads, results)),
        ("latency.svg", lambda: _latency(pyplot, results)),
    ):
        figure = paint()
        if figure is None:
            continue
        figure.savefig(folder / name, metadata={"Date": None})
        pyplot.close(figure)
        names.append(name)
    return names


def _panels(pyplot, count: int, columns: int, size: tuple[float, float]):
    columns = min(columns, count)
    lines = -(-count // columns)
    figure, axes = pyplot.subplots(
        lines, columns, figsize=(size[0] * columns, size[1] * lines), squeeze=False,
        layout="constrained",
    )  # fmt: skip
    panels = list(axes.flat)
    for spare in panels[count:]:
        spare.set_visible(False)
    return figure, panels[:count]


def _bars(pyplot, workloads: dict[str, Workload], rows: list[Row]):
    """One panel per workload: the main metric, a bar for each program and number of workers."""
    shown: dict[str, list[Row]] = {}
    for row in rows:
        main = row.metric == workloads[row.case.workload].metric
        if row.case.size is None and row.summaries and main:
            shown.setdefault(row.case.workload, []).append(row)
    if not shown:
        return None
    figure, panels = _panels(pyplot, len(shown), 3, (4.6, 3.0))
    for axes, (workload, of_it) in zip(panels, shown.items()):
        bars = [(row, name, each) for row in of_it for name, each in row.summaries.items()]
        labels = [f"{name} {row.case.workers}" for row, name, _ in bars]
        medians = [each.median for _, _, each in bars]
        spread = [
            [each.median - each.least for _, _, each in bars],
            [each.most - each.median for _, _, each in bars],
        ]
        colours = [COLOURS.get(name, "#cccccc") for _, name, _ in bars]
        axes.barh(labels, medians, xerr=spread, color=colours, ecolor="#555555")
        axes.invert_yaxis()
        axes.set_title(f"{workload}: {workloads[workload].what}", fontsize=8)
        axes.set_xlabel(workloads[workload].unit, fontsize=8)
        axes.tick_params(labelsize=7)
        if min(medians) > 0 and max(medians) > 30 * min(medians):
            axes.set_xscale("log")
    return figure


def sized(results: Results, workload: Workload) -> dict[tuple[str, int], list[tuple[int, Summary]]]:
    """(program, workers) to (size, summary), by size."""
    lines: dict[tuple[str, int], list[tuple[int, Summary]]] = {}
    cases = (case for case in results if case.workload == workload.name)
    for case in sorted(cases, key=lambda case: (case.workers, case.size or 0)):
        for name, series in results[case].items():
            if case.size is not None and (found := summary_of(series, workload.metric)):
                lines.setdefault((name, case.workers), []).append((case.size, found))
    return lines


def _scaling(pyplot, workloads: dict[str, Workload], results: Results):
    shown = [(each, sized(results, each)) for each in workloads.values() if each.sizes]
    shown = [(workload, lines) for workload, lines in shown if lines]
    if not shown:
        return None
    figure, panels = _panels(pyplot, len(shown), 3, (5.0, 3.6))
    for axes, (workload, lines) in zip(panels, shown):
        for (name, workers), points in lines.items():
            sizes = [size for size, _ in points]
            style = {1: "-", 2: "--"}.get(workers, ":")
            colour = COLOURS.get(name, "#cccccc")
            axes.plot(sizes, [each.median for _, each in points], style, color=colour, marker=".",
                      label=f"{name} {workers}")  # fmt: skip
            least = [each.least for _, each in points]
            most = [each.most for _, each in points]
            axes.fill_between(sizes, least, most, color=colour, alpha=0.15)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(workload.what, fontsize=9)
        axes.set_xlabel("n")
        axes.set_ylabel(workload.unit)
        axes.legend(fontsize=7)
    return figure


def _latency(pyplot, results: Results):
    shown = [case for case in results if case.workload in LATENCIES]
    found = {case: latencies(results, case) for case in shown}
    found = {case: lines for case, lines in found.items() if lines}
    if not found:
        return None
    figure, panels = _panels(pyplot, len(found), 2, (5.0, 3.6))
    for axes, (case, lines) in zip(panels, found.items()):
        for name, points in lines.items():
            axes.plot(list(points), list(points.values()), marker="o",
                      color=COLOURS.get(name, "#cccccc"), label=name)  # fmt: skip
        axes.set_yscale("log")
        axes.set_title(str(case), fontsize=9)
        axes.set_ylabel("ns")
        axes.legend(fontsize=7)
    return figure


def latencies(results: Results, case: Case) -> dict[str, dict[str, float]]:
    """Program to percentile to the median over the runs; those that measured several."""
    prefix = LATENCIES[case.workload]
    lines = {}
    for name, series in results[case].items():
        points = {p: summary_of(series, prefix + p) for p in PERCENTILES}
        known = {p: each.median for p, each in points.items() if each}
        if len(known) > 1:
            lines[name] = known
    return lines
