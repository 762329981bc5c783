# SPDX-License-Identifier: BSL-1.0
import tempfile
import unittest
from pathlib import Path

from runner.comparing import rows
from runner.plots import draw, latencies, sized
from runner.running import Series
from runner.workloads import Case, Workload

SCALING = Workload("scale", "", "ns", "ns", sizes=(10, 100))
ASKS = Workload("w12", "", "ns", "p50")


def series(**metrics):
    return Series(metrics={name: list(values) for name, values in metrics.items()})


class Data(unittest.TestCase):
    def test_sizes_come_in_order_and_failures_leave_gaps(self):
        results = {
            Case("scale", 1, 100): {"covey": series(ns=[5, 7, 6]), "go": Series(failures=["no"])},
            Case("scale", 1, 10): {"covey": series(ns=[2]), "go": series(ns=[9])},
        }
        found = {
            key: [(size, each.median) for size, each in points]
            for key, points in sized(results, SCALING).items()
        }
        self.assertEqual(found, {("covey", 1): [(10, 2), (100, 6)], ("go", 1): [(10, 9)]})

    def test_latencies_are_medians_of_the_percentiles_that_a_program_prints(self):
        case = Case("w12", 1)
        asked = {"p50": [3, 1, 2], "p99": [9], "p99.9": [20]}
        results = {case: {"covey": Series(metrics=asked), "go": series(p50=[4])}}
        self.assertEqual(latencies(results, case), {"covey": {"p50": 2, "p99": 9, "p99.9": 20}})


class Files(unittest.TestCase):
    def test_there_is_a_picture_of_what_was_measured_and_no_other(self):
        try:
            import matplotlib  # noqa: F401
        except ImportError:
            self.skipTest("python3-matplotlib isn't installed")
        results = {
            Case("w12", 1): {"covey": series(p50=[1, 2], p99=[5, 6]), "go": series(p50=[4])},
        }
        known = {"w12": ASKS, "scale": SCALING}
        with tempfile.TemporaryDirectory() as name:
            found = draw(Path(name), known, rows(known, results), results)
            self.assertEqual(found, ["bars.svg", "latency.svg"])
            for each in found:
                self.assertIn("<svg", (Path(name) / each).read_text()[:2000])


if __name__ == "__main__":
    unittest.main()
