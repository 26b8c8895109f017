"""Our filter against the server's WHERE: the rows that pass are the same, row by row."""

import os
import pathlib
import random
import subprocess
import unittest

from lib import case, servers, sql
from lib.case import LONG, note
from lib.filters import Generator, Table, written

ROWCAST = os.environ.get("ROWCAST") or os.path.join(servers.ROOT, "build", "rowcast")
EVAL = pathlib.Path(ROWCAST).parent / "tests" / "rules" / "rules_eval"
ROWS = 120
RANDOM = 20000 if LONG else 1000
# The short run is the same each time: what it can find, it has found.
SEED = case.SEED if LONG or "ROWCAST_E2E_SEED" in os.environ else 531240805


# What a server refuses for reasons of its plan, its sql_mode or its list of constants.
ACCEPTED = ("out of range", "Incorrect DATE value", "Illegal mix", "Cannot convert string")


class Ours:
    """A rules_eval, which asks the server what it must."""

    def __init__(self, connection):
        self.connection = connection
        self.asked = 0
        self.process = subprocess.Popen([EVAL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, *words):
        self.process.stdin.write("\t".join(words) + "\n")

    def _answer(self, statement):
        self.asked += 1
        try:
            value = self.connection.run(statement)[0][0]
        except sql.SqlError as e:
            return f"! {e}"
        return "-" if value is None else "+" + value.hex()

    def filter(self, text):
        self.tell("filter", text.encode().hex())
        while True:
            self.process.stdin.flush()
            line = self.process.stdout.readline().rstrip("\n")
            if not line:
                raise RuntimeError(f"rules_eval ended at: {text}")
            if line[0] != "?":
                return line
            self.process.stdin.write(self._answer(line[2:]) + "\n")

    def sql(self, text):
        """The condition as it stands in the SELECT of a copy; None: it has no place there."""
        self.tell("sql", text.encode().hex())
        self.process.stdin.flush()
        line = self.process.stdout.readline().rstrip("\n")
        return bytes.fromhex(line[1:]).decode("utf-8", "surrogateescape") if line[:1] == "+" else None

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Oracle:
    maxDiff = None

    """Each test runs on the server of its subclass."""

    def setUp(self):
        server = servers.mysql() if self.kind == "mysql" else servers.mariadb()
        self.connection = sql.Connection(server.socket)
        self.addCleanup(self.connection.close)
        self.database = f"d_oracle_{random.SystemRandom().randrange(16**6):06x}"
        self.connection.run(f"set time_zone = '+00:00'; set sql_mode = ''; create database {self.database}; use {self.database}")
        self.addCleanup(self.connection.run, f"drop database {self.database}")
        self.table = Table(self.kind)
        self.connection.run(self.table.create())
        self.connection.script(self.table.inserts(ROWS, SEED))
        self.connection.run("set sql_mode = default")
        # A session as the copy has it, where the condition is one that we wrote.
        self.copier = sql.Connection(server.socket)
        self.addCleanup(self.copier.close)
        self.copier.run(f"use {self.database}; set time_zone = '+00:00'; set sql_mode = ''; set div_precision_increment = 4")
        self.ours = Ours(self.connection)
        self.addCleanup(self.ours.close)
        self._hand_over()

    def _hand_over(self):
        ours, c = self.ours, self.connection
        ours.tell("server", self.kind)
        columns = c.text("select column_name, column_type, ifnull(collation_name, '-'), is_nullable from information_schema.columns "
                         f"where table_schema = '{self.database}' order by ordinal_position")
        for words in columns:
            ours.tell("column", *words)
        names = [w[0] for w in columns]
        for row in c.run(f"select {', '.join(map(self.table.select, names))} from t order by id"):
            # What select() asks for in hex is hex already.
            ours.tell("row", *("-" if v is None else v.decode() if self.table.select(n).startswith("hex") else v.hex()
                               for n, v in zip(names, row)))

    def _theirs(self, condition, connection=None):
        """The digits of the rows that pass, or None when the server refuses."""
        try:
            passed = {int(row[0]) for row in (connection or self.connection).run(f"select id from t where {condition}")}
        except sql.SqlError as e:
            return None, str(e)
        return "".join("1" if at in passed else "0" for at in range(ROWS)), ""

    def _compare_copied(self, condition, ours):
        """What is wrong with the condition that the SELECT of a copy has; none: it is not there, or passes the same rows."""
        condition = self.ours.sql(condition)
        if condition is None:
            return []
        self.selects += 1
        theirs, error = self._theirs(condition, self.copier)
        if theirs is None:
            # Then the copy reads without it.
            return [] if any(word in error for word in ACCEPTED) else [f"SELECT .. {condition}: the server says {error}"]
        if theirs != ours:
            at = [i for i in range(ROWS) if ours[i] != theirs[i]]
            return [f"SELECT .. {condition}: {len(at)} rows differ, first id {at[0]}: ours {ours[at[0]]}, the SELECT's {theirs[at[0]]}"]
        return []

    def _compare(self, conditions):
        wrong, refused, refusals, failed = [], 0, [], 0
        self.selects = 0
        for condition in conditions:
            theirs, error = self._theirs(condition)
            ours = self.ours.filter(condition)
            if ours[0] == "e":
                refused += 1
                refusals.append(f"{condition}: {ours[2:]}")
            elif theirs is None:
                # A value out of range: whether the server meets it depends on its plan.
                failed += 1
                if ours[0] != "f" and not any(word in error for word in ACCEPTED):
                    wrong.append(f"{condition}: the server says {error}")
            elif ours[0] == "f":
                if "out of range" not in ours:
                    wrong.append(f"{condition}: {ours}")
            elif ours[2:] == theirs:
                wrong += self._compare_copied(condition, theirs)
            else:
                at = [i for i in range(ROWS) if ours[2 + i] != theirs[i]]
                wrong.append(f"{condition}: {len(at)} rows differ, first id {at[0]}: ours {ours[2 + at[0]]}, the server's {theirs[at[0]]}")
        return wrong, refused, refusals, failed

    def _report(self, wrong, refusals):
        if os.environ.get("ROWCAST_ORACLE_VERBOSE"):
            for line in refusals:
                note(f"refused: {line}")
        self.assertEqual(wrong, [], f"{len(wrong)} conditions differ (seed {SEED})")

    def test_written_conditions(self):
        conditions = written()
        self.assertGreaterEqual(len(conditions), 300)
        wrong, refused, refusals, failed = self._compare(conditions)
        note(f"{self.kind}: {len(conditions)} conditions, {refused} refused, {failed} fail on the server, {self.ours.asked} questions, {self.selects} as SELECT")
        self._report(wrong, refusals)
        self.assertLess(refused, len(conditions) / 50)

    def test_random_conditions(self):
        generator = Generator(random.Random(SEED))
        conditions = [generator.condition() for _ in range(RANDOM)]
        wrong, refused, refusals, failed = self._compare(conditions)
        note(f"{self.kind}: seed {SEED}, {RANDOM} conditions, {refused} refused, {failed} fail on the server, {self.ours.asked} questions, {self.selects} as SELECT")
        self._report(wrong, refusals)
        self.assertLess(refused, RANDOM / 20)


class OracleMysql(Oracle, unittest.TestCase):
    kind = "mysql"


class OracleMariadb(Oracle, unittest.TestCase):
    kind = "mariadb"
