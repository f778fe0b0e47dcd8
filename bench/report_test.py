# SPDX-License-Identifier: Apache-2.0
# Copyright The Bulkhead Authors

import unittest

from bench import report

ROWS = (("cpuid", "CPUID", "instructions", "cpuid-1"), ("memory", "memory", "bytes", None))
RESULTS = {
    "bare": {"cpuid": 10, "memory": 0},
    "bulkhead": {"cpuid": 25, "memory": 4},
    "kvm": {"cpuid": 5000, "memory": 5},
    "xen": {"cpuid": "it cannot", "memory": 6},
}


class ReportTest(unittest.TestCase):
    def test_markdown(self):
        text = report.markdown(RESULTS, ROWS, [("x", "IPI", "why")], ["when"], "plot.svg")
        self.assertIn("| CPUID | instructions | 10 | 25 (2.50×) | 5,000 (500.00×) | – [1] |", text)
        self.assertIn("[1] it cannot.", text)
        self.assertIn("* IPI: why.", text)
        self.assertIn("| memory | bytes | 0 | 4 | 5 | 6 |", text)

    def test_replace_between(self):
        text = f"a\n{report.BEGIN}\nold\n{report.END}\nb"
        self.assertEqual(report.replace_between(text, "new"),
                         f"a\n{report.BEGIN}\nnew\n{report.END}\nb")
        with self.assertRaises(ValueError):
            report.replace_between("a", "new")

    def test_svg(self):
        text = report.svg(RESULTS, ROWS)
        self.assertEqual(text.count("<rect"), 1 + 3 * len(ROWS))
        self.assertIn("Xen: none", text)

    def test_disagreements(self):
        def runs(first, second):
            return {"kvm": [{"cpuid": first, "memory": 1}, {"cpuid": second, "memory": 2}]}
        self.assertEqual(report.disagreements(runs(1000, 1009), ROWS), [])
        self.assertEqual(report.disagreements(runs(1000, 1020), ROWS), ["kvm cpuid: 1000 and 1020"])
        self.assertEqual(report.disagreements(runs(0, 0), ROWS), [])
        self.assertEqual(report.disagreements(runs("why", "why"), ROWS), [])
        self.assertEqual(len(report.disagreements(runs("why", 5), ROWS)), 1)


if __name__ == "__main__":
    unittest.main()
