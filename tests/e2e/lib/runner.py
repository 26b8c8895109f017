"""Runs the tests of one file: a line for each as it ends, its failures behind it.

    python3 -m lib.runner [-k PATTERN]... MODULE

Used by tests/e2e/run, which reads the lines.
"""

import argparse
import sys
import time
import traceback
import unittest


class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        self.bad = []

    def _note(self, word, error):
        self.bad.append((word, "".join(traceback.format_exception(*error))))

    def addError(self, test, err):
        super().addError(test, err)
        self._note("error", err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note("failure", err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(f"in {subtest}", err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.bad.append(("skipped", reason))

    def stopTest(self, test):
        super().stopTest(test)
        word = "FAIL" if self.bad else "ok"
        print(f"{word:4} {time.monotonic() - self.began:6.1f} s  {test.id()}", flush=True)
        for kind, text in self.bad:
            for line in [f"--- {kind}", *text.rstrip().splitlines()]:
                print(f"    {line}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-k", action="append", default=[])
    parser.add_argument("module")
    options = parser.parse_args()
    loader = unittest.TestLoader()
    loader.testNamePatterns = [p if "*" in p else f"*{p}*" for p in options.k] or None
    result = Result()
    loader.loadTestsFromName(options.module).run(result)
    # What fails outside of a test, in setUpModule or in an import.
    for test, text in result.errors:
        if not hasattr(test, "_testMethodName"):
            print(f"FAIL    0.0 s  {options.module}: {test}\n{text}", flush=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
