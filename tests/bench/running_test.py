# SPDX-License-Identifier: BSL-1.0
import sys
import unittest

from runner.running import Outcome, Series, parse_metrics, run_all, run_once
from runner.workloads import Case

W1 = Case("w1", 1)


def python(program):
    return [sys.executable, "-c", program]


class Parsing(unittest.TestCase):
    def test_lines_of_figures_are_found_among_others(self):
        text = "hello\nM ns 31.500\nM p99.9 12\nMore words\nM odd\n"
        self.assertEqual(parse_metrics(text), {"ns": 31.5, "p99.9": 12.0})

    def test_what_is_no_number_is_an_error(self):
        with self.assertRaises(ValueError):
            parse_metrics("M ns fast\n")


class OneProcess(unittest.TestCase):
    def test_gives_its_figures(self):
        self.assertEqual(run_once(python("print('M ns 2.5')"), 20), Outcome({"ns": 2.5}))

    def test_a_failure_says_what_the_program_said(self):
        found = run_once(python("import sys; sys.exit('the sum is wrong')"), 20)
        self.assertEqual(found.failure, "exit status 1: the sum is wrong")

    def test_figures_before_a_failure_do_not_count(self):
        found = run_once(python("print('M ns 1'); raise SystemExit(1)"), 20)
        self.assertEqual(found.metrics, {})
        self.assertIsNotNone(found.failure)

    def test_no_figure_is_a_failure(self):
        self.assertEqual(run_once(python("pass"), 20).failure, "printed no figure")

    def test_a_wrong_figure_is_a_failure(self):
        self.assertIn("none", run_once(python("print('M ns fast')"), 20).failure)

    def test_a_signal_is_named(self):
        found = run_once(python("import os; os.kill(os.getpid(), 6)"), 20)
        self.assertIn("SIGABRT", found.failure)

    def test_a_workload_without_counterpart_is_no_failure(self):
        found = run_once(python("print('UNSUPPORTED'); raise SystemExit(3)"), 20)
        self.assertTrue(found.unsupported)

    def test_status_3_alone_is_a_failure(self):
        self.assertIsNotNone(run_once(python("raise SystemExit(3)"), 20).failure)

    def test_one_that_takes_too_long_is_ended_and_its_children_with_it(self):
        program = "import os; os.fork(); import time; time.sleep(600)"
        self.assertEqual(run_once(python(program), 0.5).failure, "did not finish within 0.5 s")

    def test_a_program_that_is_not_there_is_a_failure(self):
        self.assertIn("does not start", run_once(["./there_is_no_such_program"], 5).failure)


class Scripted:
    """A program that does one thing after the other."""

    def __init__(self, name, *outcomes):
        self.name, self.outcomes = name, list(outcomes)

    def command(self, case):
        return [self.name]


class InTurn(unittest.TestCase):
    def run_scripted(self, programs, runs):
        order, outcomes = [], {each.name: each.outcomes for each in programs}

        def run(command, timeout):
            order.append(command[0])
            return outcomes[command[0]].pop(0)

        results = run_all([W1], lambda case: programs, runs, 1, run=run)
        return order, results[W1]

    def test_programs_alternate(self):
        order, found = self.run_scripted(
            [Scripted("covey", *[Outcome({"ns": n}) for n in (1, 2)]),
             Scripted("go", *[Outcome({"ns": n}) for n in (3, 4)])], 2)  # fmt: skip
        self.assertEqual(order, ["covey", "go", "covey", "go"])
        self.assertEqual(found["covey"].metrics, {"ns": [1, 2]})
        self.assertEqual(found["go"].metrics, {"ns": [3, 4]})

    def test_what_failed_or_is_not_there_is_not_run_again(self):
        order, found = self.run_scripted(
            [Scripted("covey", Outcome({"ns": 1}), Outcome({"ns": 1})),
             Scripted("caf", Outcome(failure="hangs")),
             Scripted("trio", Outcome())], 2)  # fmt: skip
        self.assertEqual(order, ["covey", "caf", "trio", "covey"])
        self.assertEqual(found["caf"].failures, ["hangs"])
        self.assertTrue(found["trio"].unsupported)

    def test_a_program_without_a_command_is_unsupported(self):
        one_thread = Scripted("trio")
        one_thread.command = lambda case: None
        order, found = self.run_scripted([one_thread], 3)
        self.assertEqual((order, found["trio"].unsupported), ([], True))


class ASeries(unittest.TestCase):
    def test_collects_each_figure(self):
        series = Series()
        series.add(Outcome({"ns": 1, "bytes": 8}))
        series.add(Outcome({"ns": 2, "bytes": 9}))
        self.assertEqual(series.metrics, {"ns": [1, 2], "bytes": [8, 9]})
        self.assertFalse(series.over)


if __name__ == "__main__":
    unittest.main()
