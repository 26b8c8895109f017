"""Random transactions: several sessions, several tables, changes of keys, statements of many
rows, savepoints and rollbacks. Everything follows from the seed, but for how the sessions
interleave."""

import random
import threading

from .sql import Background, SqlError

TABLES = {
    "t_pk": "id INT PRIMARY KEY, name VARCHAR(60), qty INT UNSIGNED, price DECIMAL(12,3), at DATETIME(6), note TEXT",
    "t_multi": "region VARCHAR(20) NOT NULL, n BIGINT NOT NULL, flags SET('a','b','c'), ratio DOUBLE, raw VARBINARY(40), PRIMARY KEY (region, n)",
    "t_unique": "code CHAR(12) CHARACTER SET latin1 NOT NULL, v INT, w JSON, UNIQUE KEY (code)",
    "t_keyless": "a INT, b VARCHAR(30), c FLOAT",
    "t_other": "id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, body VARCHAR(2000), kind ENUM('x','y','zz')",
}
# Deadlock, lock wait, duplicate key, a lost connection's statement, a column that DDL took away.
EXPECTED = {1213, 1205, 1062, 1020}


def create_statements():
    return [f"CREATE TABLE {name} ({body}) ENGINE=InnoDB" for name, body in TABLES.items()]


class Session:
    """One connection's stream of random transactions."""

    def __init__(self, connection, seed, keys=200):
        self.connection = connection
        self.random = random.Random(seed)
        self.keys = keys
        self.transactions = 0

    def text(self, top):
        r = self.random
        letters = "abcXYZ 019'\"\\/äöü€漢字😀\n\t%_{}[]:,"
        text = "".join(r.choice(letters) for _ in range(r.randrange(top)))
        return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"

    def maybe_null(self, value):
        return "NULL" if self.random.random() < 0.15 else str(value)

    def row(self, table):
        r = self.random
        number = r.randrange(self.keys)
        if table == "t_pk":
            at = f"'20{r.randrange(10, 38)}-{r.randrange(1, 13):02}-{r.randrange(1, 29):02} {r.randrange(24):02}:00:{r.randrange(60):02}.{r.randrange(10**6):06}'"
            return [number, self.maybe_null(self.text(40)), self.maybe_null(r.randrange(2**32)), self.maybe_null(round(r.uniform(-10**8, 10**8), 3)), self.maybe_null(at), self.maybe_null(self.text(200))]
        if table == "t_multi":
            return [f"'r{r.randrange(7)}'", number, self.maybe_null(r.randrange(8)), self.maybe_null(repr(r.uniform(-1e6, 1e6))), self.maybe_null(f"x'{r.randbytes(r.randrange(1, 40)).hex()}'")]
        if table == "t_unique":
            return [f"'c{number}'", self.maybe_null(r.randrange(-1000, 1000)), self.maybe_null(f"'{{\"k\":{r.randrange(100)},\"l\":[1,\"ä\"]}}'")]
        if table == "t_keyless":
            return [r.randrange(50), self.maybe_null(self.text(20)), self.maybe_null(r.randrange(1000) / 8)]
        return ["NULL", self.maybe_null(self.text(300)), self.maybe_null(r.randrange(1, 4))]

    def values(self, table, count):
        return ", ".join("(" + ", ".join(str(v) for v in self.row(table)) + ")" for _ in range(count))

    COLUMNS = {
        "t_pk": ("id", "name, qty, price, at, note"),
        "t_multi": ("n", "flags, ratio, raw"),
        "t_unique": ("code", "v, w"),
        "t_keyless": ("a", "b, c"),
        "t_other": ("id", "body, kind"),
    }

    def statement(self):
        r = self.random
        table = r.choices(list(TABLES), weights=[4, 3, 2, 1, 2])[0]
        key, others = self.COLUMNS[table]
        names = [n.strip() for n in others.split(",")]
        all_names = {"t_multi": "region, n, flags, ratio, raw"}.get(table, f"{key}, {others}")
        which = r.random()
        if which < 0.35:
            verb = "INSERT IGNORE" if r.random() < 0.5 else "REPLACE" if r.random() < 0.5 and table != "t_keyless" else "INSERT"
            return f"{verb} INTO {table} ({all_names}) VALUES {self.values(table, r.choice([1, 1, 1, 2, 5, 20]))}"
        if which < 0.42 and table != "t_keyless":
            return f"INSERT INTO {table} ({all_names}) VALUES {self.values(table, 2)} ON DUPLICATE KEY UPDATE {names[0]}=VALUES({names[0]})"
        number = r.randrange(self.keys)
        here = f"{key}='c{number}'" if table == "t_unique" else f"{key}={number}"
        if which < 0.62:
            column = r.randrange(len(names))
            row = self.row(table)
            value = row[len(row) - len(names) + column]
            return f"UPDATE {table} SET {names[column]}={value} WHERE {here}"
        if which < 0.70 and table != "t_unique":
            return f"UPDATE {table} SET {names[0]}={self.row(table)[-len(names)]} WHERE {key} BETWEEN {number} AND {number + 20}"
        if which < 0.82 and table != "t_other":
            other = r.randrange(self.keys)
            value = f"'c{other}'" if table == "t_unique" else other
            return f"UPDATE IGNORE {table} SET {key}={value} WHERE {here} LIMIT 1"
        return f"DELETE FROM {table} WHERE {here} LIMIT {r.choice([1, 1, 3])}"

    def transaction(self):
        r, run = self.random, self.connection.run
        self.transactions += 1
        try:
            if r.random() < 0.25:
                run(self.statement())
                return
            run("BEGIN")
            savepoints = 0
            for _ in range(r.choice([1, 2, 3, 5, 12])):
                run(self.statement())
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


class Load:
    """Sessions that run in the background until stopped, or for so many transactions each."""

    def __init__(self, server, database, seed, sessions=3, transactions=None, pause=0.0):
        self.stopping = threading.Event()
        self.pause = pause
        self.sessions = []
        self.tasks = []
        for i in range(sessions):
            connection = server.connect(database)
            connection.run("SET sql_mode='', SESSION innodb_lock_wait_timeout=5")
            session = Session(connection, f"{seed}/{i}")
            self.sessions.append(session)
            self.tasks.append(Background(self._run, session, transactions))

    def _run(self, session, transactions):
        while not self.stopping.is_set() and (transactions is None or session.transactions < transactions):
            session.transaction()
            if self.pause:
                self.stopping.wait(self.pause)

    def transactions(self):
        return sum(s.transactions for s in self.sessions)

    def join(self, seconds=300):
        for task in self.tasks:
            task.join(seconds)
        for session in self.sessions:
            session.connection.close()

    def stop(self):
        self.stopping.set()
        self.join()
