"""rowcast never lies about history: purged, reset or foreign ends with exit 6 and a sentence;
definitions that nobody can know any more are refused; another server of the same topology is fine."""

import unittest

from lib import servers
from lib.case import EndToEnd

GONE = 6


class History:
    """Servers of these tests are their own, since they break them."""

    seconds = 90
    kind = "mysql"
    options = ()

    def setUp(self):
        super().setUp()
        self.server = self.enter(servers.OwnServer(self.kind, *self.options))

    def enter(self, own):
        server = own.__enter__()
        self.addCleanup(own.__exit__, None, None, None)
        return server

    def stopped_task(self):
        """A task that has followed a few changes and then ended; the connection to its source."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1,1),(2,2); UPDATE t SET v = 3")
        task.run_until_caught_up()
        return task, c

    def reset(self, connection):
        connection.run("RESET MASTER" if self.server.mariadb else "RESET BINARY LOGS AND GTIDS")

    def expect_gone(self, task, pattern):
        process = task.run("--until", "caught-up")
        self.assertEqual(process.code, GONE, process.tail())
        self.assertRegex(process.log(), pattern)
        return process

    def test_purged(self):
        task, c = self.stopped_task()
        c.run("INSERT INTO t VALUES (3,3); FLUSH BINARY LOGS; INSERT INTO t VALUES (4,4); FLUSH BINARY LOGS")
        if self.server.mariadb:  # its binlog checkpoint has to pass first
            servers.wait_for(lambda: self.purge(c), 20, "the purge")
        else:
            self.purge(c)
        self.expect_gone(task, r"(?i)purged|no longer|not (there|have)|does not know")

    def purge(self, c):
        last = c.text("SHOW BINARY LOGS")[-1][0]
        c.run(f"PURGE BINARY LOGS TO '{last}'")
        return c.text("SHOW BINARY LOGS")[0][0] == last

    def test_reset(self):
        task, c = self.stopped_task()
        self.reset(c)
        c.run("INSERT INTO t VALUES (3,3)")
        self.expect_gone(task, r"(?i)expected|reset|not know|history")

    def test_reset_under_way(self):
        task, c = self.stopped_task()
        process = task.start()
        process.wait_streaming()
        self.reset(c)
        c.run("INSERT INTO t VALUES (3,3)")
        with self.server.connect() as other:
            for row in other.text("SHOW PROCESSLIST"):
                if row[1] == "rowcast":
                    try:
                        other.run(f"KILL {row[0]}")
                    except Exception:  # noqa: B902 - it may be gone by itself
                        pass
        self.assertEqual(process.wait(40), GONE, process.tail())

    def test_foreign_server(self):
        task, _ = self.stopped_task()
        other = self.enter(servers.OwnServer(self.kind, *self.options))
        c = self.create(other, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        c.script(f"INSERT INTO t VALUES ({i}, 0)" for i in range(30))
        task.change(source={"port": other.port})
        self.expect_gone(task, r"(?i)expected|foreign|another|not (a part|know|there)|lacks")

    def test_a_definition_that_changed_once_in_the_gap(self):
        """The checkpoint knows the one before, the source the one after."""
        task, c = self.stopped_task()
        c.run("INSERT INTO t VALUES (3,3); ALTER TABLE t ADD COLUMN w INT FIRST; INSERT INTO t VALUES (9,4,4); UPDATE t SET w = id")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_a_definition_that_changed_twice_in_the_gap(self):
        """The statements of the gap say how the row between was called."""
        task, c = self.stopped_task()
        c.run("ALTER TABLE t RENAME COLUMN v TO w; INSERT INTO t VALUES (3,3); ALTER TABLE t RENAME COLUMN w TO x; INSERT INTO t VALUES (4,4)")
        task.run_until_caught_up()
        rows = [m.change["data"][0] for m in self.messages()]
        self.assertEqual(rows[-2:], [{"id": "3", "w": "3"}, {"id": "4", "x": "4"}])

    def refused(self, task, c):
        del c
        process = task.run("--until", "caught-up")
        self.assertEqual(process.code, 7, process.tail())
        self.assertRegex(process.log(), rf"{self.database}\.t")
        self.assertNotIn("3", [row["id"] for row in self.fold().table(f"{self.database}.t")])

    def test_a_first_start_before_a_change_of_definition(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (3,3); ALTER TABLE t ADD COLUMN w INT FIRST; INSERT INTO t VALUES (9,4,4); UPDATE t SET w = id")
        self.refused(task, c)

    def test_other_definitions_in_the_gap_do_not_matter(self):
        task, c = self.stopped_task()
        c.run("INSERT INTO t VALUES (3,3); CREATE TABLE fresh (id INT PRIMARY KEY); INSERT INTO fresh VALUES (1); INSERT INTO t VALUES (4,4)")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t", "fresh"])

    def test_start_at_the_earliest(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        self.reset(c)
        c.run("INSERT INTO t VALUES (1,1); FLUSH BINARY LOGS; INSERT INTO t VALUES (2,2)")
        task = self.task(self.server, start="earliest")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_start_at_a_place(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        c.run("INSERT INTO t VALUES (1,1); FLUSH BINARY LOGS; INSERT INTO t VALUES (2,2)")
        row = c.text("SHOW MASTER STATUS" if self.server.mariadb else "SHOW BINARY LOG STATUS")[0]
        c.run("INSERT INTO t VALUES (3,3)")
        task = self.task(self.server, start=f"{row[0]}:{row[1]}")
        task.run_until_caught_up()
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages()], ["3"])

    def test_start_at_a_time(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        c.run("INSERT INTO t VALUES (1,1); DO SLEEP(1.1)")
        moment = c.one("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')")
        c.run("DO SLEEP(1.1); INSERT INTO t VALUES (2,2)")
        task = self.task(self.server, start=f"time:{moment}")
        task.run_until_caught_up()
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages()], ["2"])

    def test_start_at_a_place_that_is_not_there(self):
        self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        process = self.task(self.server, start="mysql-bin.000077:4").run("--until", "caught-up")
        self.assertEqual(process.code, GONE, process.tail())


class HistoryMysql(History, EndToEnd):
    def test_goes_on_at_a_replica(self):
        """With GTIDs a task goes on at another server of the same topology, file names do not matter."""
        task, c = self.stopped_task()
        replica = self.enter(servers.OwnServer(self.kind))
        with replica.connect() as r:
            r.run("RESET BINARY LOGS AND GTIDS")
            r.run(
                f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={self.server.port}, SOURCE_USER='app',"
                " SOURCE_PASSWORD='app-pw', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA"
            )
            c.run("INSERT INTO t VALUES (3,3)")
            servers.wait_for(lambda: self.rows(replica) == 3, 30, "the replica")
            r.run("STOP REPLICA; FLUSH BINARY LOGS")
            r.run(f"INSERT INTO {self.database}.t VALUES (4,4)")
        task.change(source={"port": replica.port})
        task.run_until_caught_up()
        with replica.connect() as r:
            self.assert_tables_equal(r, self.fold(), ["t"])
        messages = self.messages()
        self.assertEqual(len(messages), 4 + 2)
        self.assertEqual(len({m.change["id"] for m in messages}), 6)

    def rows(self, server):
        try:
            with server.connect() as c:
                return int(c.one(f"SELECT COUNT(*) FROM {self.database}.t"))
        except Exception:  # noqa: B902 - not there yet
            return 0


class HistoryMysqlWithoutGtid(History, EndToEnd):
    options = ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")

    def test_a_purge_of_what_was_read_does_no_harm(self):
        task, c = self.stopped_task()
        c.run("FLUSH BINARY LOGS; INSERT INTO t VALUES (3,3)")
        task.run_until_caught_up()
        self.purge(c)
        c.run("INSERT INTO t VALUES (4,4)")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])


class HistoryMysqlFullMetadata(History, EndToEnd):
    options = ("--binlog-row-metadata=FULL",)
    # What does not depend on the metadata is tested above.
    test_purged = test_reset = test_reset_under_way = test_foreign_server = None
    test_start_at_the_earliest = test_start_at_a_place = test_start_at_a_time = test_start_at_a_place_that_is_not_there = None

    test_other_definitions_in_the_gap_do_not_matter = test_a_definition_that_changed_once_in_the_gap = None

    def refused(self, task, c):
        c.run("UPDATE t SET id = id + 100")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])


class HistoryMariadb(History, EndToEnd):
    kind = "mariadb"

    def test_goes_on_at_a_replica(self):
        task, c = self.stopped_task()
        replica = self.enter(servers.OwnServer(self.kind, "--log-slave-updates=ON"))
        with replica.connect() as r:
            r.run(
                f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={self.server.port}, MASTER_USER='app',"
                " MASTER_PASSWORD='app-pw', MASTER_USE_GTID=slave_pos; START SLAVE"
            )
            c.run("INSERT INTO t VALUES (3,3)")
            servers.wait_for(lambda: HistoryMysql.rows(self, replica) == 3, 30, "the replica")
            r.run("STOP SLAVE; FLUSH BINARY LOGS")
            r.run(f"INSERT INTO {self.database}.t VALUES (4,4)")
        task.change(source={"port": replica.port})
        task.run_until_caught_up()
        with replica.connect() as r:
            self.assert_tables_equal(r, self.fold(), ["t"])
        self.assertEqual(len({m.change["id"] for m in self.messages()}), 6)


if __name__ == "__main__":
    unittest.main()
