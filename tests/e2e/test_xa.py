"""XA: rows go out at XA COMMIT, in the order of the commits, and a restart between PREPARE and
COMMIT does not lose them."""

import unittest

from lib import servers
from lib.case import EndToEnd


class Xa:
    def make(self):
        return self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))")

    def prepare(self, xid, *statements):
        """Leaves a prepared transaction behind, its session gone."""
        with self.server.connect(self.database) as c:
            c.run(f"XA START '{xid}'")
            for s in statements:
                c.run(s)
            c.run(f"XA END '{xid}'; XA PREPARE '{xid}'")

    def finish(self, verb, xid):
        """The server may still be taking leave of the session that prepared it."""
        def attempt():
            try:
                with self.server.connect() as c:
                    c.run(f"XA {verb} '{xid}'")
                return True
            except Exception as failure:  # noqa: B902
                if getattr(failure, "code", 0) in (1397, 1399):
                    return False
                raise
        servers.wait_for(attempt, 10, f"XA {verb}")

    def test_a_restart_between_prepare_and_commit(self):
        c = self.make()
        task = self.task(self.server, start=self.server.position())
        x = [f"x{i}_{self.token}" for i in range(4)]
        c.run("INSERT INTO t VALUES (1, 'before')")
        self.prepare(x[0], "INSERT INTO t VALUES (10, 'a'), (11, 'a')")
        self.prepare(x[1], "INSERT INTO t VALUES (20, 'b')")
        self.prepare(x[2], "INSERT INTO t VALUES (30, 'c')")
        c.run("INSERT INTO t VALUES (2, 'between')")
        task.run_until_caught_up()
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages()], ["1", "2"])
        self.finish("COMMIT", x[1])
        self.finish("ROLLBACK", x[2])
        c.run("INSERT INTO t VALUES (3, 'after')")
        task.run_until_caught_up()
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages()], ["1", "2", "20", "3"])
        self.finish("COMMIT", x[0])
        c.run("UPDATE t SET v = 'end' WHERE id IN (1, 20)")
        task.run_until_caught_up()
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages()], ["1", "2", "20", "3", "10", "11", "1", "20"])
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_xa_followed_live_and_killed(self):
        c = self.make()
        task = self.task(self.server)
        process = task.start()
        process.wait_streaming()
        follower = self.follow()
        x = [f"y{i}_{self.token}" for i in range(3)]
        self.prepare(x[0], "INSERT INTO t VALUES (1, 'x'); UPDATE t SET v = 'y' WHERE id = 1")
        self.prepare(x[1], "INSERT INTO t VALUES (2, 'x')")
        c.run(f"XA START '{x[2]}'; INSERT INTO t VALUES (3, 'one'); XA END '{x[2]}'; XA COMMIT '{x[2]}' ONE PHASE")
        follower.wait_count(1, 10)
        process.kill()
        process = task.start()
        process.wait_streaming()
        self.finish("COMMIT", x[0])
        self.finish("COMMIT", x[1])
        follower.wait_count(4, 20)
        self.assertEqual(process.stop(), 0, process.tail())
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_a_large_xa_group(self):
        """Larger than what is held in memory: it is read again at its commit."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(1000))")
        task = self.task(self.server)
        process = task.start()
        process.wait_streaming()
        rows = [",".join(f"({b * 1000 + i}, REPEAT('{i % 10}', 900))" for i in range(1000)) for b in range(20)]
        x = f"z_{self.token}"
        self.prepare(x, *(f"INSERT INTO t VALUES {r}" for r in rows))
        c.run("INSERT INTO t VALUES (1000000, 'other')")
        self.follow().wait_count(1, 20)
        self.finish("COMMIT", x)
        c.run("UPDATE t SET v = 'last' WHERE id < 3")
        self.follow().wait_count(1 + 20000 + 3, 40)
        self.assertEqual(process.stop(), 0, process.tail())
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_a_prepared_group_that_was_purged(self):
        with servers.OwnServer(self.kind) as server:
            self.server = server
            c = self.make()
            task = self.task(server, start=server.position())
            x = f"p_{self.token}"
            self.prepare(x, "INSERT INTO t VALUES (1, 'x')")
            c.run("INSERT INTO t VALUES (2, 'y'); FLUSH BINARY LOGS; FLUSH BINARY LOGS")
            task.run_until_caught_up()
            last = c.text("SHOW BINARY LOGS")[-1][0]
            c.run(f"PURGE BINARY LOGS TO '{last}'")
            kept = c.text("SHOW BINARY LOGS")[0][0] != last
            self.finish("COMMIT", x)
            process = task.run("--until", "caught-up")
            if kept:  # MariaDB does not purge what it may need for a recovery
                self.assertEqual(process.code, 0, process.tail())
                self.assert_tables_equal(c, self.fold(), ["t"])
                return
            self.assertEqual(process.code, 6, process.tail())
            self.assertRegex(process.log(), r"(?i)XA")


class XaMysql(Xa, EndToEnd):
    kind = "mysql"

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()


class XaMysqlWithoutGtid(Xa, EndToEnd):
    kind = "mysql"
    test_a_large_xa_group = None
    test_a_prepared_group_that_was_purged = None

    def setUp(self):
        super().setUp()
        self.server = servers.mysql("nogtid", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")


class XaMariadb(Xa, EndToEnd):
    kind = "mariadb"

    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()


if __name__ == "__main__":
    unittest.main()
