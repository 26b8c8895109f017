"""Random transactions, folded back to the rows of the source."""

import unittest

from lib import servers
from lib.case import LONG, SEED, EndToEnd, note
from lib.load import TABLES, Load, create_statements

TRANSACTIONS = 4000 if LONG else 400


class Random:
    """Each server's class provides `server` and whether DDL may come at any time."""

    seconds = 900 if LONG else 150
    ddl_any_time = False

    def make(self, seed):
        c = self.create(self.server, *create_statements(), "CREATE TABLE marker (id INT PRIMARY KEY)")
        self.markers = 0
        note(f"seed {seed}")
        return c

    def test_random_transactions(self):
        """All of it afterwards, in one run."""
        c = self.make(SEED)
        task = self.task(self.server, start=self.server.position(), destination={"partitions": 5})
        Load(self.server, self.database, SEED, sessions=4, transactions=TRANSACTIONS).join(self.seconds)
        process = task.run_until_caught_up(self.seconds)
        messages = self.messages()
        note(f"{len(messages)} messages, {process.peak()} KiB")
        self.assertGreater(len({m.partition for m in messages}), 3)
        self.assert_tables_equal(c, self.fold(messages), TABLES)

    def synchronise(self, connection, follower):
        """Until rowcast has come to where the source stands."""
        self.markers += 1
        number = str(self.markers)
        looked = len(follower.messages)  # the marker comes behind them; how far behind, nobody knows
        connection.run(f"INSERT INTO marker VALUES ({number})")

        def there(messages):
            nonlocal looked
            begin, looked = looked, len(messages)
            return any(m.change["table"] == "marker" and m.change["data"][0]["id"] == number for m in messages[begin:looked])

        follower.wait(there, 60, f"marker {number}")

    def test_random_transactions_with_ddl(self):
        """Followed while they are made, with definitions that change in between."""
        c = self.make(SEED + 1)
        process = self.task(self.server, destination={"partitions": 4}).start()
        process.wait_streaming()
        follower = self.follow()
        changes = [
            ("ALTER TABLE t_pk ADD COLUMN extra INT DEFAULT 5", "UPDATE t_pk SET extra = COALESCE(extra, 0) + 1"),
            ("ALTER TABLE t_multi ADD COLUMN first VARCHAR(10) FIRST", "UPDATE t_multi SET first = 'f'"),
            ("ALTER TABLE t_pk MODIFY COLUMN qty BIGINT, ADD COLUMN note2 TEXT AFTER name", "UPDATE t_pk SET note2 = 'n', extra = COALESCE(extra, 0) + 1"),
            ("ALTER TABLE t_unique ADD COLUMN big LONGTEXT AFTER code, ADD INDEX (v)", "UPDATE t_unique SET big = 'b'"),
            ("CREATE TABLE t_new (id INT PRIMARY KEY, v VARCHAR(10))", "INSERT INTO t_new VALUES (1,'x'),(2,'y')"),
            ("ALTER TABLE t_multi DROP COLUMN first", "UPDATE t_multi SET flags = 'a,c', ratio = COALESCE(ratio, 0) + 1"),
            ("ALTER TABLE t_new RENAME COLUMN v TO w", "UPDATE t_new SET w = 'z'"),
        ]
        self.synchronise(c, follower)
        for round_, (ddl, touch) in enumerate(changes):
            Load(self.server, self.database, f"{SEED}/{round_}", sessions=3, transactions=TRANSACTIONS // 8).join(self.seconds)
            if not self.ddl_any_time:
                self.synchronise(c, follower)
            c.run(ddl)
            if not self.ddl_any_time:
                self.synchronise(c, follower)
            c.run(touch)
        self.synchronise(c, follower)
        self.assertEqual(process.stop(), 0, process.tail())
        self.assert_tables_equal(c, self.fold(), [*TABLES, "t_new"])


class RandomMysql(Random, EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()


class RandomMysqlWithoutGtid(Random, EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql("nogtid", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")


class RandomMysqlFullMetadata(Random, EndToEnd):
    """With the names and types in the binlog itself, DDL may come while rowcast is far behind."""

    ddl_any_time = True

    def setUp(self):
        super().setUp()
        self.server = servers.mysql("full", "--binlog-row-metadata=FULL")


class RandomMariadb(Random, EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()


if __name__ == "__main__":
    unittest.main()
