"""Ways in which the binlog holds rows: MINIMAL and NOBLOB images, partial JSON, compressed
transactions and events, groups that end in ROLLBACK, tagged GTIDs, statements with their text."""

import unittest

from lib import servers
from lib.case import EndToEnd

TABLE = "CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(20), c TEXT, d BLOB, e INT UNIQUE)"
CHANGES = [
    "INSERT INTO t VALUES (1,1,'one','text',x'00ff',11),(2,2,'two',NULL,NULL,22),(3,NULL,NULL,'c','d',NULL)",
    "UPDATE t SET a = 10 WHERE id = 1", "UPDATE t SET c = 'new', a = NULL WHERE id = 2", "UPDATE t SET d = 'blob' WHERE id IN (1,2)",
    "UPDATE t SET e = 33, b = 'three' WHERE id = 3", "UPDATE t SET id = 4 WHERE id = 3", "DELETE FROM t WHERE id = 2", "INSERT INTO t (id) VALUES (5)",
    "UPDATE t SET a = 5 WHERE id = 5",
]


class Images:
    def follow_changes(self, setting, partial):
        c = self.create(self.server, TABLE)
        c.run(f"SET SESSION {setting}")
        task = self.task(self.server, start=self.server.position(), destination={"partitions": 3})
        for change in CHANGES:
            c.run(change)
        task.run_until_caught_up()
        messages = self.messages()
        fold = self.fold(messages, partial)
        rows = {row["id"]: row for row in fold.table(f"{self.database}.t")}
        wanted = dict((r[0], r) for r in c.text("SELECT id, a, b, c, HEX(d), e FROM t"))
        self.assertEqual(set(rows), set(wanted))
        for number, row in rows.items():
            for name, value in zip(("id", "a", "b", "c", "d", "e"), wanted[number]):
                if name in row:  # else it was in neither image
                    text = row[name]
                    if name == "d" and text is not None:
                        text = text.encode("latin-1").hex().upper()
                    self.assertEqual(text, value, f"{name} of {row}")
        return c, messages

    def by_type(self, messages, kind, number):
        return next(m.change for m in messages if m.change["type"] == kind and m.change["data"][0]["id"] == number)

    def test_minimal_images(self):
        _, messages = self.follow_changes("binlog_row_image = MINIMAL", partial=True)
        update = self.by_type(messages, "UPDATE", "1")
        self.assertEqual(update["data"][0]["id"], "1")
        self.assertEqual(update["data"][0]["a"], "10")
        self.assertNotIn("b", update["data"][0])
        self.assertEqual(update["old"], [{}])
        self.assertEqual(self.by_type(messages, "DELETE", "2")["data"], [{"id": "2"}])

    def test_images_without_blobs(self):
        _, messages = self.follow_changes("binlog_row_image = NOBLOB", partial=True)
        update = self.by_type(messages, "UPDATE", "1")
        self.assertEqual({k: update["data"][0].get(k) for k in ("id", "a", "b", "e")}, {"id": "1", "a": "10", "b": "one", "e": "11"})
        self.assertEqual(update["old"], [{"a": "1"}])
        self.assertNotIn("c", update["data"][0])

    def test_a_partition_column_that_is_absent_ends_the_task(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, customer INT, v INT)")
        c.run("SET SESSION binlog_row_image = MINIMAL")
        task = self.task(self.server, objects=[{"table": f"{self.database}.t", "partition_key": ["customer"]}], start=self.server.position(), destination={"partitions": 3})
        c.run("INSERT INTO t VALUES (1, 7, 1); UPDATE t SET v = 2")
        process = task.run("--until", "caught-up")
        self.assertEqual(process.code, 7, process.tail())
        self.assertRegex(process.log(), r"customer")

    def test_statement_texts_are_passed_over(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        c.run("SET SESSION binlog_annotate_row_events=ON" if self.server.mariadb else "SET SESSION binlog_rows_query_log_events=ON")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1,1),(2,2); UPDATE t SET v = 3")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_tables_without_transactions(self):
        c = self.create(self.server, "CREATE TABLE m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO m VALUES (1,1),(2,2); UPDATE m SET v = v + 1; DELETE FROM m WHERE id = 1")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["m"])

    def test_create_table_select_and_load_data(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        process = self.task(self.server).start()
        process.wait_streaming()
        c.run("INSERT INTO t VALUES (1,10),(2,20); CREATE TABLE copy (PRIMARY KEY (id)) AS SELECT * FROM t")
        c.run("CREATE TABLE late LIKE t; INSERT INTO late SELECT id + 100, v FROM t")
        self.follow().wait_count(6, 20)
        c.run("TRUNCATE TABLE late; INSERT INTO late VALUES (7,7)")
        self.follow().wait_count(7, 20)
        c.run("DROP TABLE late; INSERT INTO t VALUES (99,99)")
        self.follow().wait_count(8, 20)
        self.assertEqual(process.stop(), 0, process.tail())
        messages = [m for m in self.messages() if m.change["table"] != "late"]
        self.assert_tables_equal(c, self.fold(messages), ["t", "copy"])


class ImagesMysql(Images, EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def test_compressed_transactions(self):
        c, messages = self.follow_changes("binlog_transaction_compression = ON", partial=False)
        c.run("BEGIN; UPDATE t SET a = 77; INSERT INTO t (id, c) VALUES (50, REPEAT('long', 10000)); COMMIT")
        self.tasks[0].run_until_caught_up()
        name = c.text("SHOW BINARY LOG STATUS")[0][0]
        self.assertIn("Transaction_payload", {r[2] for r in c.text(f"SHOW BINLOG EVENTS IN '{name}'")})
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_compressed_transactions_with_minimal_images(self):
        self.follow_changes("binlog_transaction_compression = ON, binlog_row_image = MINIMAL", partial=True)

    def test_partial_json(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, j JSON, k JSON)")
        c.run("SET SESSION binlog_row_value_options = PARTIAL_JSON")
        task = self.task(self.server, start=self.server.position())
        c.run("""INSERT INTO t VALUES (1, '{"a": 1, "b": [1, 2, 3], "c": {"d": "text", "e": null}}', '[1]'), (2, JSON_OBJECT('x', REPEAT('y', 1000), 'n', 5), NULL)""")
        c.run("UPDATE t SET j = JSON_SET(j, '$.a', 'longer than before', '$.c.d', 7) WHERE id = 1")
        c.run("UPDATE t SET j = JSON_REPLACE(j, '$.b[1]', 2.5), k = JSON_ARRAY_APPEND(k, '$', 2) WHERE id = 1")
        c.run("UPDATE t SET j = JSON_REMOVE(j, '$.c.e', '$.b[0]') WHERE id = 1")
        c.run("UPDATE t SET j = JSON_SET(j, '$.n', 6) WHERE id = 2")
        c.run("UPDATE t SET j = NULL WHERE id = 2; UPDATE t SET j = '{\"new\": 1}' WHERE id = 2; DELETE FROM t WHERE id = 1")
        task.run_until_caught_up()
        self.assertEqual(len(self.messages()), 2 + 1 + 1 + 1 + 1 + 1 + 1 + 1)
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_partial_json_without_the_document_before_ends_the_task(self):
        """With MINIMAL images the difference has nothing to be applied to."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, j JSON)")
        c.run("SET SESSION binlog_row_value_options = PARTIAL_JSON, binlog_row_image = MINIMAL")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, JSON_OBJECT('x', REPEAT('y', 1000), 'n', 5)); UPDATE t SET j = JSON_SET(j, '$.n', 6)")
        process = task.run("--until", "caught-up")
        self.assertEqual(process.code, 7, process.tail())
        self.assertRegex(process.log(), r"(?i)json")

    def test_tagged_gtids(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        task = self.task(self.server, start=self.server.position(), canal={"gtid": True})
        c.run("INSERT INTO t VALUES (1); SET gtid_next='AUTOMATIC:blue'; INSERT INTO t VALUES (2); SET gtid_next='AUTOMATIC'; INSERT INTO t VALUES (3)")
        task.run_until_caught_up()
        messages = self.messages()
        self.assertEqual([m.change["data"][0]["id"] for m in messages], ["1", "2", "3"])
        self.assertRegex(messages[1].change["gtid"], r":blue:\d+$")
        c.run("SET gtid_next='AUTOMATIC:blue'; INSERT INTO t VALUES (4); SET gtid_next='AUTOMATIC'")
        task.run_until_caught_up()
        self.assertEqual(len(self.messages()), 4)


class ImagesMariadb(Images, EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()

    def test_compressed_events(self):
        self.server = servers.mariadb("full", "--binlog-row-metadata=FULL", "--log-bin-compress=ON", "--log-bin-compress-min-len=10")
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, REPEAT('abc', 100)), (2, 'x'), (3, REPEAT('long', 100000))")
        c.run("UPDATE t SET v = CONCAT(v, 'end'); DELETE FROM t WHERE id = 2")
        name = c.text("SHOW BINARY LOGS")[-1][0]
        self.assertTrue(any("compressed" in r[2].lower() for r in c.text(f"SHOW BINLOG EVENTS IN '{name}'")))
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_a_group_that_ends_in_rollback_leaves_nothing(self):
        """With a temporary table made inside, the server logs a transaction that was rolled back."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, 1)")
        c.run("BEGIN; INSERT INTO t VALUES (2, 2); CREATE TEMPORARY TABLE x (id INT); UPDATE t SET v = 7; ROLLBACK")
        c.run("INSERT INTO t VALUES (3, 3)")
        name = c.text("SHOW BINARY LOGS")[-1][0]
        self.assertIn("ROLLBACK", {r[5] for r in c.text(f"SHOW BINLOG EVENTS IN '{name}'")}, "the server wrote no such group")
        task.run_until_caught_up()
        self.assertEqual([m.change["data"][0]["id"] for m in self.messages()], ["1", "3"])
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_a_large_group_that_ends_in_rollback_ends_the_task(self):
        """A part of it has gone out before its end was known."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(4000))")
        task = self.task(self.server, start=self.server.position())
        c.run("BEGIN; CREATE TEMPORARY TABLE x (id INT)")
        for i in range(20):
            c.run("INSERT INTO t VALUES " + ",".join(f"({i * 300 + n}, REPEAT('x', 3000))" for n in range(300)))
        c.run("ROLLBACK; INSERT INTO t VALUES (1000000, 'after')")
        process = task.run("--until", "caught-up")
        self.assertEqual(process.code, 7, process.tail())
        self.assertRegex(process.log(), "ROLLBACK")

    def test_versioned_tables(self):
        """An UPDATE of a system-versioned table leaves an old row behind; what is there now is what counts."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1,1),(2,2); UPDATE t SET v = 5 WHERE id = 1; DELETE FROM t WHERE id = 2")
        process = task.run("--until", "caught-up")
        self.assertEqual(process.code, 0, process.tail())
        self.assertGreaterEqual(len(self.messages()), 4)

    def test_sequences_are_no_tables(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE SEQUENCE s")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t SELECT NEXTVAL(s); INSERT INTO t SELECT NEXTVAL(s)")
        task.run_until_caught_up()
        messages = [m for m in self.messages() if m.change["table"] == "t"]
        self.assert_tables_equal(c, self.fold(messages), ["t"])


if __name__ == "__main__":
    unittest.main()
