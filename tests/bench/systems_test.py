# SPDX-License-Identifier: BSL-1.0
import os
import tempfile
import unittest
from pathlib import Path

from runner.systems import CAF, ERLANG, GO, SAVINA_SYSTEMS, SYSTEMS, TRIO, System
from runner.workloads import Case


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

    def test_what_is_older_than_a_source_is_built_again(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "sources"
            folder.mkdir()
            source, program = folder / "main.go", Path(name) / "program"
            source.touch()
            system = System("x", "", (), built=program, folder=folder)
            self.assertFalse(system.is_current())
            program.touch()
            later = program.stat().st_mtime + 1_000_000  # later than the headers of all peers, too
            os.utime(program, (later, later))
            self.assertTrue(system.is_current())
            os.utime(source, (later + 1, later + 1))
            self.assertFalse(system.is_current())


if __name__ == "__main__":
    unittest.main()
