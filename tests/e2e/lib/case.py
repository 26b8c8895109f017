"""What the end-to-end tests have in common.

Each test has a database of its own (self.database), names of topics of its
own and a bound of time; its tasks are ended and thrown away behind it. Run
one file with `python3 -m unittest`, or all of them with tests/e2e/run.
"""

import faulthandler
import os
import random
import sys
import tempfile
import time
import unittest

from . import servers
from .compare import differences
from .fold import Fold
from .messages import Follower, read_topic
from .task import PATIENCE, Task

LONG = bool(os.environ.get("ROWCAST_E2E_LONG"))
# Printed by every random test, and taken from here when one is to be repeated.
SEED = int(os.environ.get("ROWCAST_E2E_SEED") or random.SystemRandom().randrange(2**32))


def note(text):
    """A line that is shown whether the test passes or not."""
    print(f"    {text}", file=sys.stderr, flush=True)


class EndToEnd(unittest.TestCase):
    seconds = 60  # the bound of one test
    maxDiff = None

    def setUp(self):
        limit = self.seconds * PATIENCE
        faulthandler.dump_traceback_later(limit * servers.SLACK + 60, exit=True)
        self.addCleanup(faulthandler.cancel_dump_traceback_later)
        self.token = f"{random.SystemRandom().randrange(16**6):06x}"
        short = self.id().split(".")[-1].removeprefix("test_")[:24]
        self.name = f"{short}_{self.token}"
        self.database = f"d_{short}_{self.token}"
        self.kafka = servers.kafka()
        self.tasks = []
        self.databases = []
        self.addCleanup(self._clean)
        self.began = time.monotonic()

    def _failed(self):
        outcome = getattr(self, "_outcome", None)
        result = getattr(outcome, "result", None)
        if result is None:
            return False
        return any(test is self for test, _ in result.failures + result.errors)

    def _clean(self):
        failed = self._failed()
        for task in self.tasks:
            if failed:
                for process in task.processes:
                    note(f"--- log of {task.name}, {process.log_path}")
                    for line in process.tail(30).splitlines():
                        note(line)
            task.close(keep=failed)
        for server, database in self.databases:
            try:
                with server.connect(timeout=20) as c:
                    c.run(f"DROP DATABASE IF EXISTS `{database}`")
            except Exception:  # noqa: B902 - the server may be gone by now
                pass

    # --- making things ---

    def create(self, server, *statements, database=None):
        """A fresh database with tables in it; the connection to it."""
        database = database or self.database
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.run(f"DROP DATABASE IF EXISTS `{database}`; CREATE DATABASE `{database}` CHARACTER SET utf8mb4")
        connection.run(f"USE `{database}`")
        if (server, database) not in self.databases:
            self.databases.append((server, database))
        for statement in statements:
            connection.run(statement)
        return connection

    def task(self, server, objects=None, name=None, start=None, brokers=None, **keys):
        task = Task(
            name or self.name,
            server,
            brokers or self.kafka.brokers,
            objects or [f"{self.database}.*"],
            start,
            **keys,
        )
        self.tasks.append(task)
        return task

    def follow(self, topic=None):
        follower = Follower(self.kafka.brokers, topic or self.name)
        self.addCleanup(follower.close)
        return follower

    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="rowcast-e2e-")
        self.addCleanup(folder.cleanup)
        return folder.name

    # --- looking at things ---

    def messages(self, topic=None, brokers=None):
        return read_topic(brokers or self.kafka.brokers, topic or self.name)

    def fold(self, messages=None, partial=False):
        return Fold(partial).add_all(self.messages() if messages is None else messages)

    def assert_tables_equal(self, connection, fold, tables, database=None):
        found = []
        for table in tables:
            rows = fold.table(f"{database or self.database}.{table}")
            found += differences(connection, database or self.database, table, rows)
        self.assertEqual(found, [])

    def assert_ids_once(self, messages):
        """Nothing came twice. The messages of rows, and the texts of statements."""
        ids = [m.change["id"] for m in messages]
        self.assertEqual(len(ids), len(set(ids)))
        return [m for m in messages if not m.change["isDdl"]], [m.change["sql"] for m in messages if m.change["isDdl"]]

    def assert_ends(self, process, code, pattern, seconds=60):
        """rowcast ends by itself with this code and one sentence that matches."""
        self.assertEqual(process.wait(seconds), code, process.tail())
        self.assertRegex(process.log(), pattern)
