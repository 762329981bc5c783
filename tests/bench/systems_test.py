# SPDX-License-Identifier: BSL-1.0
import os
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from runner.__main__ import chosen_peers
from runner.systems import (
    CAF,
    ERLANG,
    EXAMPLES,
    GO,
    MACHINE,
    PEERS,
    SAVINA_SYSTEMS,
    SYSTEMS,
    TRIO,
    System,
)
from runner.workloads import Case, Mistake


class Commands(unittest.TestCase):
    def test_name_the_workload_the_workers_and_the_size(self):
        self.assertEqual(GO.command(Case("w1", 2))[1:], ["w1", "2"])
        self.assertEqual(GO.command(Case("scale_tasks", 1, 10))[1:], ["scale_tasks", "1", "10"])

    def test_tell_a_virtual_machine_its_workers(self):
        self.assertIn("2:2", ERLANG.command(Case("w1", 2)))

    def test_there_is_none_for_more_workers_than_a_system_has(self):
        self.assertIsNotNone(TRIO.command(Case("w1", 1)))
        self.assertIsNone(TRIO.command(Case("w1", 2)))

    def test_there_is_none_for_what_hangs(self):
        self.assertIsNotNone(CAF.command(Case("w5", 1)))
        self.assertIsNone(CAF.command(Case("w5", 2)))


class Sources(unittest.TestCase):
    def test_every_system_is_built_from_sources_that_are_there(self):
        for each in [*SYSTEMS.values(), *SAVINA_SYSTEMS.values()]:
            with self.subTest(system=each.name):
                self.assertTrue(any(each.folder.iterdir()))
                self.assertTrue(all(place.exists() for place in each.more))

    def test_shared_sources_are_those_that_are_compiled_in(self):
        shared = PEERS / "measure.hpp"
        self.assertIn(shared, CAF.more)
        self.assertNotIn(shared, GO.more)
        self.assertIn(EXAMPLES / "wordcrunch", MACHINE.more)


class Stale(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.system = self.system_called("x")

    def system_called(self, name):
        """Its program is older than none of its sources."""
        sources = self.folder / name
        sources.mkdir()
        self.touch(sources / "main.go", 1000)
        self.touch(self.folder / "shared.hpp", 1000)
        program = self.folder / f"{name}_program"
        self.touch(program, 1000)
        return System(
            name, "", (), built=program, build=("make",), folder=sources,
            more=(self.folder / "shared.hpp",),
        )  # fmt: skip

    def touch(self, path, time):
        path.touch()
        os.utime(path, (time, time))

    def choose(self, asked, *systems):
        known = {each.name: each for each in systems}
        with mock.patch.dict("runner.__main__.SYSTEMS", known, clear=True):
            return chosen_peers(asked, False, [])

    def test_what_is_older_than_a_source_is_built_again(self):
        self.assertTrue(self.system.is_current())
        self.touch(self.system.folder / "main.go", 1001)
        self.assertFalse(self.system.is_current())
        self.touch(self.system.built, 1001)
        self.assertTrue(self.system.is_current())
        self.touch(self.folder / "shared.hpp", 1002)
        self.assertFalse(self.system.is_current())

    def test_what_is_not_built_is_not_current(self):
        self.system.built.unlink()
        self.assertFalse(self.system.is_current())

    def test_what_needs_no_build_is_always_current(self):
        self.touch(self.system.folder / "main.go", 1001)
        self.assertTrue(replace(self.system, build=()).is_current())

    def test_is_not_measured_whether_it_was_named_or_not(self):
        self.touch(self.system.folder / "main.go", 1001)
        for asked in (["x"], None):
            with self.subTest(asked=asked), self.assertRaisesRegex(Mistake, "--setup --peers x$"):
                self.choose(asked, self.system)

    def test_all_of_them_are_named_at_once(self):
        other = self.system_called("y")
        for each in (self.system, other):
            self.touch(each.folder / "main.go", 1001)
        with self.assertRaisesRegex(Mistake, "^x, y: .* --peers x,y$"):
            self.choose(None, self.system, other)

    def test_one_that_does_not_take_part_may_be_stale(self):
        other = self.system_called("y")
        self.touch(other.folder / "main.go", 1001)
        self.assertEqual(self.choose(["x"], self.system, other), [self.system])
        self.assertEqual(self.choose(["none"], self.system, other), [])


if __name__ == "__main__":
    unittest.main()
