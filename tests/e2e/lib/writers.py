"""Live writers for the tests of the full copy.

Every row has the number n of its key, and a version v that only grows: a number n belongs to one
session, and a session never uses a version twice. So whoever sees the messages of a key in order
can tell an older value from a newer one, whatever the sessions did at the same time.
"""

import random
import threading
import time

from . import servers
from .sql import Background, SqlError

# Deadlock, lock wait, duplicate key, a row that changed; what DDL does to a statement under way:
# table or column gone, definition changed; MariaDB's names for the same.
EXPECTED = {1213, 1205, 1062, 1020, 1146, 1054, 1412, 1051, 1050, 1927, 3572}
XA_ENDED = {1397, 1399, 1402, 1613, 1614}
COLUMNS = "n, v, body"


def preload(connection, kinds, numbers, tables=None):
    """Rows of version 0."""
    connection.run("SET sql_mode=''")
    for kind in kinds:
        table = (tables or {}).get(kind.name, kind.name)
        connection.run(kind.create(table))
        rows = [f"({', '.join(kind.literals(n))}, {n}, 0, 'row {n}')" for n in numbers]
        names = f"{', '.join(kind.key)}, {COLUMNS}"
        for at in range(0, len(rows), 1000):
            connection.run(f"INSERT INTO {table} ({names}) VALUES " + ",".join(rows[at : at + 1000]))


class Writer:
    """One session and the numbers that are its own."""

    def __init__(self, connection, kinds, own, seed, big=60, version=0):
        self.connection = connection
        self.kinds = kinds
        self.own = own
        self.big = big
        self.random = random.Random(seed)
        self.token = f"{random.SystemRandom().randrange(16**12):x}"
        self.version = version
        self.transactions = 0

    def next(self):
        self.version += 1
        return self.version

    def numbers(self, count):
        return self.random.sample(self.own, min(count, len(self.own)))

    def body(self):
        r = self.random
        return f"'{r.choice('abcäö😀')}{r.randrange(10**6)}'" if r.random() < 0.9 else "NULL"

    def insert(self, kind, numbers):
        r, v = self.random, self.next()
        names = f"{', '.join(kind.key)}, {COLUMNS}"
        rows = ",".join(f"({', '.join(kind.values(n, r))}, {n}, {v}, {self.body()})" for n in numbers)
        which = r.random()
        verb = "REPLACE" if which < 0.3 else "INSERT"
        tail = " ON DUPLICATE KEY UPDATE v=VALUES(v), body=VALUES(body)" if which > 0.5 else ""
        return f"{verb} INTO {kind.name} ({names}) VALUES {rows}{tail}"

    def statement(self, kind):
        """One random change of one table."""
        r = self.random
        n, m = self.numbers(2)
        which = r.random()
        if which < 0.25:
            return self.insert(kind, [n] if r.random() < 0.7 else self.numbers(10))
        if which < 0.55:
            return f"UPDATE {kind.name} SET v={self.next()}, body={self.body()} WHERE {kind.where(n)}"
        if which < 0.70:
            return f"DELETE FROM {kind.name} WHERE {kind.where(n)}"
        if which < 0.85:  # the key of another number; sometimes there is such a row already
            return f"UPDATE {kind.name} SET {kind.assignments(kind.values(m, r))}, n={m}, v={self.next()} WHERE {kind.where(n)}"
        if which < 0.93 and kind.spellings is not None:
            return f"UPDATE {kind.name} SET {kind.assignments(kind.values(n, r))}, v={self.next()} WHERE {kind.where(n)}"
        if which < 0.97 and kind.name == "k_auto":
            return f"INSERT INTO k_auto (n, v, body) VALUES ({n}, {self.next()}, 'auto'), ({n}, {self.version}, 'auto')"
        if r.random() < 0.4:
            return f"DELETE FROM {kind.name} WHERE {kind.where_any(self.numbers(self.big // 4))}"
        return f"UPDATE {kind.name} SET v={self.next()}, body={self.body()} WHERE {kind.where_any(self.numbers(self.big))}"

    def prepared(self):
        """A transaction in two phases: in the binlog, and maybe for long, before any SELECT sees it."""
        r, run = self.random, self.connection.run
        name = f"'{self.token}-{self.transactions}'"
        try:
            run(f"XA START {name}")
            for _ in range(r.choice([1, 2, 5])):
                self._tolerant(self.statement(r.choice(self.kinds)))
            run(f"XA END {name}")
            run(f"XA PREPARE {name}")
            time.sleep(r.choice([0, 0.01, 0.05]))
            run(f"XA {'COMMIT' if r.random() < 0.8 else 'ROLLBACK'} {name}")
        except SqlError as failure:
            if failure.code not in EXPECTED | XA_ENDED:
                raise
            for end in ("END", "ROLLBACK"):
                try:
                    run(f"XA {end} {name}")
                except SqlError:
                    pass  # it is in another state

    def transaction(self):
        r, run = self.random, self.connection.run
        self.transactions += 1
        if r.random() < 0.02:
            self.prepared()
            return
        try:
            if r.random() < 0.3:
                run(self.statement(r.choice(self.kinds)))
                return
            run("BEGIN")
            savepoints = 0
            count = self.big // 2 if r.random() < 0.02 else r.choice([1, 2, 3, 6, 15])
            for _ in range(count):
                self._tolerant(self.statement(r.choice(self.kinds)))
                if r.random() < 0.1:
                    savepoints += 1
                    run(f"SAVEPOINT s{savepoints}")
                elif savepoints and r.random() < 0.3:
                    run(f"ROLLBACK TO SAVEPOINT s{savepoints}")
            run("ROLLBACK" if r.random() < 0.12 else "COMMIT")
        except SqlError as failure:
            if failure.code not in EXPECTED:
                raise
            run("ROLLBACK")

    def _tolerant(self, statement):
        """A key that is taken undoes the statement and not the transaction."""
        try:
            self.connection.run(statement)
        except SqlError as failure:
            if failure.code != 1062:
                raise


class Writers:
    """Sessions in the background; each owns the numbers n with n % sessions == its own."""

    def __init__(self, server, database, kinds, numbers, seed, sessions=3, pause=0.003, big=60, version=0):
        self.stopping = threading.Event()
        self.pause = pause
        self.turn = threading.Condition()
        self.paused = False
        self.inside = 0
        self.sessions = []
        self.tasks = []
        for i in range(sessions):
            connection = server.connect(database)
            connection.run("SET SESSION innodb_lock_wait_timeout=5, sql_mode=''")
            if i % 2:
                connection.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            own = [n for n in numbers if n % sessions == i]
            self.sessions.append(Writer(connection, kinds, own, f"{seed}/{i}", big, version))
        for session in self.sessions:
            self.tasks.append(Background(self._run, session))

    def _run(self, session):
        while not self.stopping.is_set():
            with self.turn:
                self.turn.wait_for(lambda: not self.paused)
                self.inside += 1
            try:
                session.transaction()
            finally:
                with self.turn:
                    self.inside -= 1
                    self.turn.notify_all()
            if self.pause:
                self.stopping.wait(self.pause * session.random.uniform(0.2, 1.8))

    def transactions(self):
        return sum(s.transactions for s in self.sessions)

    # --- for DDL, between transactions ---

    def __enter__(self):
        """Nobody writes until __exit__; hands out what versions the sessions have come to."""
        with self.turn:
            self.paused = True
            if not self.turn.wait_for(lambda: self.inside == 0, 60):
                raise TimeoutError("the writers do not come to rest")
        return [s.version for s in self.sessions]

    def __exit__(self, *_):
        with self.turn:
            self.paused = False
            self.turn.notify_all()

    # --- their end ---

    def stop(self):
        self.stopping.set()
        with self.turn:
            self.paused = False
            self.turn.notify_all()
        for task in self.tasks:
            task.join(180)
        for session in self.sessions:
            session.connection.close()


class Every:
    """Calls a function in the background, again and again, until stopped."""

    def __init__(self, seconds, function):
        self.stopping = threading.Event()
        self.calls = 0
        self.task = Background(self._run, seconds, function)

    def _run(self, seconds, function):
        while not self.stopping.wait(seconds if not callable(seconds) else seconds()):
            function()
            self.calls += 1

    def stop(self):
        self.stopping.set()
        self.task.join(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def wait_transactions(writers, count, seconds=30):
    """Until they have made so many more."""
    wanted = writers.transactions() + count
    servers.wait_for(lambda: writers.transactions() >= wanted, seconds, "the writers")
