# SPDX-License-Identifier: BSL-1.0
import unittest

from runner.comparing import Verdict, judge, ratio, rows, summarize
from runner.running import Series
from runner.table import comparison, notes, number, report, spreads
from runner.workloads import Case, Goal, Workload

ONE, TWO = Case("w", 1), Case("w", 2)
TO_GO = Goal("ns", 1, peer="go", peer_workers=1, ratio=0.5)


def series(*values, metric="ns"):
    return Series(metrics={metric: list(values)})


class Summaries(unittest.TestCase):
    def test_the_median_of_an_even_number_lies_between(self):
        self.assertEqual(summarize([4, 1, 2, 100]).median, 3)

    def test_noise_is_more_than_three_tenths_above_the_least(self):
        self.assertFalse(summarize([10, 11, 13]).noisy)
        self.assertTrue(summarize([10, 11, 13.1]).noisy)

    def test_a_ratio_is_of_medians_and_below_one_where_covey_leads(self):
        self.assertEqual(ratio(summarize([10, 20, 90]), summarize([40, 1, 80])), 0.5)

    def test_there_is_no_ratio_to_nothing(self):
        self.assertIsNone(ratio(summarize([1]), summarize([0])))


class Judging(unittest.TestCase):
    def verdict(self, goal, results, case=ONE):
        return judge(goal, case, results).verdict

    def test_the_limit_itself_is_met(self):
        results = {ONE: {"covey": series(50), "go": series(100)}}
        self.assertEqual(self.verdict(TO_GO, results), Verdict.MET)
        results = {ONE: {"covey": series(51), "go": series(100)}}
        self.assertEqual(self.verdict(TO_GO, results), Verdict.MISSED)

    def test_without_one_of_both_nothing_is_known(self):
        self.assertEqual(self.verdict(TO_GO, {ONE: {"covey": series(50)}}), Verdict.UNKNOWN)
        self.assertEqual(self.verdict(TO_GO, {ONE: {"go": series(50)}}), Verdict.UNKNOWN)
        failed = {ONE: {"covey": series(50), "go": Series(failures=["crash"])}}
        self.assertEqual(self.verdict(TO_GO, failed), Verdict.UNKNOWN)

    def test_an_absolute_limit_needs_no_peer(self):
        goal = Goal("idle_cpu_ms", 1, at_most=1.0)
        idle = {ONE: {"covey": series(0.9, metric="idle_cpu_ms")}}
        busy = {ONE: {"covey": series(1.1, metric="idle_cpu_ms")}}
        self.assertEqual(self.verdict(goal, idle), Verdict.MET)
        self.assertEqual(self.verdict(goal, busy), Verdict.MISSED)

    def test_two_workers_are_compared_with_one(self):
        goal = Goal("ns", 2, peer="covey", peer_workers=1, ratio=1.0)
        results = {ONE: {"covey": series(100)}, TWO: {"covey": series(80)}}
        self.assertEqual(judge(goal, TWO, results).reached, 0.8)
        self.assertEqual(self.verdict(goal, {TWO: {"covey": series(80)}}, TWO), Verdict.UNKNOWN)


class TheTable(unittest.TestCase):
    WORKLOADS = {"w": Workload("w", "", "ns per thing", "ns", (TO_GO,))}

    def render(self, results):
        found = rows(self.WORKLOADS, results)
        return comparison(found, ["go"]), notes(found, results)

    def test_shows_medians_ratio_and_verdict(self):
        results = {ONE: {"covey": series(30, 31, 32), "go": series(100, 100, 120)}}
        table, after = self.render(results)
        line = table.splitlines()[2]
        for text in (" 31.0 |", "100 (0.31)", "<= 0.5 x go", "0.31 met"):
            self.assertIn(text, line)
        self.assertEqual(after, "1 goals: 1 met, 0 missed, 0 not measured")

    def test_warns_of_noise(self):
        table, after = self.render({ONE: {"covey": series(30, 31, 60), "go": series(100)}})
        self.assertIn(" 31.0 ! |", table)
        self.assertIn("! w, 1 worker, covey: the highest ns is 2.00 times the lowest", after)

    def test_shows_failures(self):
        results = {ONE: {"covey": series(30), "go": Series(failures=["did not finish within 9 s"])}}
        table, after = self.render(results)
        self.assertIn("not measured", table)
        self.assertIn("FAILED w, 1 worker, go: did not finish within 9 s", after)

    def test_what_has_no_counterpart_is_a_dash_and_no_failure(self):
        table, after = self.render({ONE: {"covey": series(30), "go": Series(unsupported=True)}})
        cells = [cell.strip() for cell in table.splitlines()[2].split("|")]
        self.assertEqual(cells[5], "-")
        self.assertNotIn("FAILED", after)

    def test_least_and_most_of_every_program_stand_in_a_table_of_their_own(self):
        results = {ONE: {"covey": series(30, 31, 32), "go": series(100, 120, 140)}, TWO: {}}
        lines = spreads(rows(self.WORKLOADS, results), ["go"]).splitlines()
        for line, *cells in ((lines[2], "30.0-32.0", "100-140 !"), (lines[3], "-", "-")):
            found = [cell.strip() for cell in line.split("|")]
            self.assertEqual(found[4:6], cells)

    def test_one_run_has_no_least_and_most(self):
        for values, count in (((30,), 1), ((30, 31), 2)):
            results = {ONE: {"covey": series(*values)}}
            text = report("head\n", rows(self.WORKLOADS, results), [], results)
            self.assertEqual(text.count("| w "), count)
            self.assertTrue(text.startswith("head\n\nMedians"))

    def test_columns_are_aligned(self):
        table, _ = self.render({ONE: {"covey": series(30)}, TWO: {"covey": series(123456)}})
        self.assertEqual(len({len(line) for line in table.splitlines()}), 1)

    def test_numbers_have_three_digits_or_are_whole(self):
        texts = [number(value) for value in (0, 0.0123, 1.239, 12.39, 123.9, 1_234_567)]
        self.assertEqual(texts, ["0", "0.012", "1.24", "12.4", "124", "1,234,567"])


if __name__ == "__main__":
    unittest.main()
