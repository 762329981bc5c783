# SPDX-License-Identifier: BSL-1.0
import unittest
from pathlib import Path

from runner.workloads import Case, Mistake, parse, read

GOALS = Path(__file__).resolve().parents[2] / "bench" / "goals.toml"


def workload(**goal):
    return {"workload": [{"name": "w", "what": "", "unit": "ns", "metric": "ns", "goals": [goal]}]}


class Goals(unittest.TestCase):
    def test_a_goal_is_about_the_metric_of_its_workload_unless_it_names_one(self):
        plain = parse(workload(workers=2, at_most=5))["w"].goals[0]
        named = parse(workload(workers=2, at_most=5, metric="p99"))["w"].goals[0]
        self.assertEqual((plain.metric, named.metric), ("ns", "p99"))

    def test_a_peer_has_as_many_workers_unless_the_goal_says_otherwise(self):
        same = parse(workload(workers=2, peer="go", ratio=0.5))["w"].goals[0]
        other = parse(workload(workers=2, peer="covey", peer_workers=1, ratio=1.0))["w"].goals[0]
        self.assertEqual((same.peer_workers, other.peer_workers), (2, 1))

    def test_covey_is_not_a_peer_to_run_besides_covey(self):
        parsed = parse(workload(workers=2, peer="covey", peer_workers=1, ratio=1.0))["w"]
        self.assertEqual(parsed.goal_peers(), set())

    def test_half_a_goal_is_refused(self):
        for goal in [
            {"workers": 1},
            {"workers": 1, "peer": "go"},
            {"workers": 1, "ratio": 0.5},
            {"workers": 1, "peer": "go", "ratio": 0.5, "at_most": 3},
        ]:
            with self.subTest(goal=goal), self.assertRaises(Mistake):
                parse(workload(**goal))

    def test_a_misspelt_key_is_refused(self):
        with self.assertRaisesRegex(Mistake, "atmost"):
            parse(workload(workers=1, at_most=3, atmost=3))


class TheFile(unittest.TestCase):
    def test_has_goals_for_every_workload_that_is_not_a_scaling_one(self):
        for each in read(GOALS).values():
            with self.subTest(workload=each.name):
                self.assertEqual(bool(each.goals), not each.sizes)

    def test_every_metric_of_a_goal_has_a_unit_and_every_peer_exists(self):
        from runner.comparing import METRIC_UNITS
        from runner.systems import SYSTEMS

        for each in read(GOALS).values():
            for goal in each.goals:
                with self.subTest(workload=each.name, goal=goal):
                    self.assertIn(goal.metric, {each.metric, *METRIC_UNITS})
                    self.assertIn(goal.peer, {None, "covey", *SYSTEMS})


class Cases(unittest.TestCase):
    def test_say_what_they_are(self):
        self.assertEqual(str(Case("w1", 1)), "w1, 1 worker")
        self.assertEqual(str(Case("scale_tasks", 2, 1000)), "scale_tasks 1,000, 2 workers")


if __name__ == "__main__":
    unittest.main()
