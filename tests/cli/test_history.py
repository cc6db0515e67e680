#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""isoctl history without entries: its arguments and its documents. The VM suite `audit` tests it with
a journal."""

import unittest

from harness import document, isoctl


class History(unittest.TestCase):
    def test_since(self):
        for text in ("30s", "30m", "2h", "7d", "0d", "2026-01-31", "2026-01-31 12:00",
                     "2026-01-31 12:00:01"):
            with self.subTest(text):
                result = isoctl("history", "--json", "--since", text)
                self.assertEqual(result.returncode, 0, result.stderr)
                answer = document(result)
                self.assertEqual(answer["schema"], "isolationd.history/1")
                self.assertEqual(set(answer), {"schema", "leases", "events"})

    def test_no_time(self):
        for text in ("", "x", "7", "7w", "-1h", "7 d", "1h1m", "2026-13-01", "2026-01-31T12:00",
                     "2026-01-31 12", "99999999999999999999d"):
            with self.subTest(text):
                result = isoctl("history", "--since", text)
                self.assertEqual(result.returncode, 2)
                self.assertIn("is not a time", result.stderr)

    def test_usage(self):
        self.assertEqual(isoctl("history", "more").returncode, 2)
        self.assertEqual(isoctl("list", "--since", "1h").returncode, 2)
        self.assertEqual(isoctl("history", "--from", "/sys").returncode, 2)

    def test_text(self):
        result = isoctl("history", "--since", "0s")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout.split(), ["SINCE", "UNTIL", "LEASE", "OWNER", "UNIT", "GROUP",
                                                 "MODE", "RULE", "ENDED"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
