"""What the tests of the full copy have in common: a database of tables by kind of key, writers,
and the comparison of what the messages add up to with the source.

    self.prepare(server, kinds, numbers)
    with self.writers(...) as writers: ...
    self.check_copy(tables)
"""

from .case import EndToEnd, note
from .compare import differences
from .copyfold import CopyFold
from .writers import Writers, preload

FULL = ["full", "incremental"]


class CopyCase(EndToEnd):
    def prepare(self, server, kinds, count, holes=4):
        """Tables of these kinds with numbers up to count, each holes-th of them left out; the connection."""
        self.server, self.kinds, self.numbers = server, kinds, range(count)
        c = self.create(server)
        preload(c, kinds, [n for n in self.numbers if n % holes])
        return c

    def write(self, seed, **more):
        writers = Writers(self.server, self.database, self.kinds, self.numbers, seed, **more)
        self.addCleanup(writers.stopping.set)
        return writers

    def copy(self, objects=None, name=None, phases=FULL, full=None, user=None, server=None, **keys):
        """A task that copies. `full` are keys of its section, `throttle` those of throttle.full."""
        throttle = keys.pop("throttle", None)
        if throttle:
            keys["throttle"] = {"full": throttle}
        if full:
            keys["full"] = full
        if user:
            keys["source"] = {**keys.get("source", {}), "user": user}
        keys.setdefault("destination", {}).setdefault("partitions", 3)
        return self.task(server or self.server, objects, name, phases=phases, **keys)

    def ordered(self):
        return [k.name for k in self.kinds if k.ordered]

    def copy_fold(self, messages=None, **keys):
        keys.setdefault("ordered", self.ordered() if hasattr(self, "kinds") else ())
        return CopyFold(**keys).add_all(self.messages() if messages is None else messages)

    def assert_copied(self, connection, fold, tables=None, where="true"):
        found = []
        for table in [k.name for k in self.kinds] if tables is None else tables:
            rows = fold.remaining(f"{self.database}.{table}")
            found += differences(connection, self.database, table, rows, where=where)
        self.assertEqual(found, [])

    def grant(self, server, user, *grants):
        """An account of this test's own, with the rights of a replica and these: 'SELECT ON db.t'."""
        with server.connect() as c:
            c.run(f"CREATE USER '{user}'@'%' IDENTIFIED BY 'rowcast-pw'")
            for grant in ("REPLICATION SLAVE, REPLICATION CLIENT ON *.*", *grants):
                c.run(f"GRANT {grant} TO '{user}'@'%'")

        def drop():
            try:
                with server.connect() as c:
                    c.run(f"DROP USER IF EXISTS '{user}'@'%'")
            except OSError:
                pass  # the server is gone, and the account with it

        self.addCleanup(drop)
        return user

    def user(self):
        """A name that no other test uses."""
        return f"u_{self.token}"

    def copy_sessions(self, connection, user="rowcast"):
        """Ids of the task's sessions that are no dumps."""
        return [int(row[0]) for row in connection.text("SHOW PROCESSLIST") if row[1] == user and not row[4].startswith("Binlog Dump")]

    def note_fold(self, fold, process, writers=None):
        more = f", {writers.transactions()} transactions" if writers else ""
        note(f"{fold.inits} INIT, {fold.changes} changes, {fold.repeats} repeats{more}, {process.peak()} KiB")
