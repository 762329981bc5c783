# SPDX-License-Identifier: BSL-1.0
import unittest

from runner.savina import COVEY, PEERS, parse
from runner.workloads import Case

HEAD = "ms               median      least       most   found\n"
ROW = "pingpong           31.2       28.7       31.2   pongs 40000\n"


class Savina(unittest.TestCase):
    def test_the_median_is_read_from_the_table(self):
        self.assertEqual(parse(HEAD + ROW), {"ms": 31.2})

    def test_a_wrong_value_is_no_figure(self):
        self.assertEqual(parse(HEAD + "pingpong     WRONG: pongs is 3\n"), {})

    def test_a_row_must_show_what_was_found(self):
        self.assertEqual(parse("pingpong   31.2   28.7   31.2\n"), {})

    def test_numbers_stand_where_the_programs_take_them(self):
        case = Case("big", 2)
        tail = ["big", "--runs", "3", "--workers", "2"]
        self.assertEqual(COVEY.command(case)[-5:], tail)
        self.assertEqual(PEERS["caf"].command(case)[-5:], tail)
        self.assertEqual(PEERS["erlang"].command(case)[-3:], ["big", "3", "2"])
        self.assertIn("2:2", PEERS["erlang"].command(case))


if __name__ == "__main__":
    unittest.main()
