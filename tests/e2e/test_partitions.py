"""Where messages go: the three policies, record keys, topics, and changes of a key."""

import json
import unittest
from random import Random

from lib import javahash, servers
from lib.case import SEED, EndToEnd

# (text, H, partitions of 3, 6, 12), published with the policies.
VECTORS = [
    ("", 0, (0, 0, 0)), ("1", 49, (1, 1, 1)), ("10", 1567, (1, 1, 7)), ("id", 3355, (1, 1, 7)),
    ("example_db", -2002325645, (2, 5, 5)), ("example_db.example_table", -1793516162, (2, 2, 2)),
    ("杭州", 844817, (2, 5, 5)), ("\U0001f600", 1772899, (1, 1, 7)), ("polygenelubricants", -2147483648, (2, 2, 8)),
]
KEY_VECTORS = [(["1"], (0, 0, 6)), (["10"], (0, 0, 0)), (["42", "b"], (0, 3, 9))]


def record_key(*parts):
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


class Partitions(EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def run_task(self, connection, changes, name=None, **keys):
        task = self.task(self.server, start=self.start, name=name, **keys)
        if changes:
            connection.run(changes)
        task.run_until_caught_up()
        return self.messages(name)

    def test_our_own_hash_has_the_published_values(self):
        for text, h, partitions in VECTORS:
            self.assertEqual(javahash.java_hash(text), h)
            self.assertEqual(tuple(javahash._partition(h, n) for n in (3, 6, 12)), partitions)
        for values, partitions in KEY_VECTORS:
            self.assertEqual(tuple(javahash.by_key("example_db", values, n) for n in (3, 6, 12)), partitions)

    def test_published_vectors(self):
        database = "example_db"
        c = self.create(self.server, "CREATE TABLE example_table (id VARCHAR(20) PRIMARY KEY)", "CREATE TABLE two (a INT, b VARCHAR(5), PRIMARY KEY (a, b))", database=database)
        self.start = self.server.position()
        c.run("INSERT INTO example_table VALUES ('1'),('10'); INSERT INTO two VALUES (42,'b')")
        for i, n in enumerate((3, 6, 12)):
            objects = [f"{database}.*"]
            name = f"{self.name}_{n}"
            messages = self.run_task(c, "", name, objects=objects, destination={"partitions": n})
            found = {json.loads(m.key)[2:][0]: m.partition for m in messages}
            self.assertEqual(found, {values[0]: p[i] for values, p in KEY_VECTORS})
            name = f"{self.name}_t{n}"
            messages = self.run_task(c, "", name, objects=objects, destination={"partitions": n, "partition_by": "table"})
            self.assertEqual({m.partition for m in messages if m.change["table"] == "example_table"}, {VECTORS[5][2][i]})
            name = f"{self.name}_n{n}"
            messages = self.run_task(c, "", name, objects=objects, destination={"partitions": n, "partition_by": "none"})
            self.assertEqual({m.partition for m in messages}, {0})

    def test_keys_of_every_kind(self):
        """Keys are canonical: TIMESTAMP in UTC, labels, binary as Latin-1, whatever the options say."""
        c = self.create(self.server)
        c.run("SET time_zone='+00:00'")
        kinds = {
            "i": ("BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615"), "s": ("SMALLINT", "-7", "-7"),
            "d": ("DECIMAL(10,3)", "-1.5", "-1.500"), "v": ("VARCHAR(20)", "'杭州 \"x\" 😀'", '杭州 "x" 😀'), "c": ("CHAR(9)", "'ab'", "ab"),
            "l": ("VARCHAR(9) CHARACTER SET latin1", "'ÄÖ'", "ÄÖ"), "b": ("VARBINARY(9)", "x'00ff41'", "\u0000ÿA"),
            "ts": ("TIMESTAMP(3)", "'2024-07-01 12:00:00.25'", "2024-07-01 12:00:00.250"), "dt": ("DATETIME", "'2024-07-01 12:00:00'", "2024-07-01 12:00:00"),
            "da": ("DATE", "'2024-07-01'", "2024-07-01"), "ti": ("TIME(1)", "'-12:00:00.5'", "-12:00:00.5"), "y": ("YEAR", "2024", "2024"),
            "e": ("ENUM('x','label')", "2", "label"), "st": ("SET('p','q','r')", "5", "p,r"), "bi": ("BIT(12)", "b'101'", "5"),
        }
        for name, (kind, _, _) in kinds.items():
            c.run(f"CREATE TABLE k_{name} (k {kind} PRIMARY KEY, x INT)")
        self.start = self.server.position()
        changes = ";".join(f"INSERT INTO k_{n} VALUES ({v}, 1)" for n, (_, v, _) in kinds.items())
        options = [{}, {"source": {"time_zone": "+09:00"}, "canal": {"enum": "ordinal", "binary": "hex"}}]
        for i, keys in enumerate(options):
            messages = self.run_task(c, changes if i == 0 else "", f"{self.name}_{i}", destination={"partitions": 6}, **keys)
            self.assertEqual(len(messages), len(kinds))
            for m in messages:
                text = kinds[m.change["table"][2:]][2]
                self.assertEqual(m.key, record_key(self.database, m.change["table"], text))
                self.assertEqual(m.partition, javahash.by_key(self.database, [text], 6), m.key)

    def test_tables_and_topics(self):
        c = self.create(
            self.server,
            "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE b (id INT PRIMARY KEY, customer INT)", "CREATE TABLE tmp_x (id INT PRIMARY KEY)",
            "CREATE TABLE u (x INT, code VARCHAR(9) NOT NULL, n INT, UNIQUE (n), UNIQUE (code))", "CREATE TABLE none (x INT, y INT)",
        )
        self.start = self.server.position()
        c.run("INSERT INTO a VALUES (1),(2); INSERT INTO b VALUES (1,10),(2,20),(3,NULL); INSERT INTO tmp_x VALUES (1); INSERT INTO u VALUES (1,'c',NULL); INSERT INTO none VALUES (1,2)")
        d = self.database
        objects = [
            {"table": f"!{d}.tmp_*"}, {"table": f"{d}.b", "topic": f"{self.name}_b", "partition_key": ["customer"], "partitions": 7},
            {"table": f"/{d}\\.[u]/", "topic": f"{self.name}" + ".{database}.{table}"}, f"{d}.*",
        ]
        self.run_task(c, "", objects=[{"table": o} if isinstance(o, str) else o for o in objects], destination={"partitions": 3})
        messages = self.messages()
        self.assertEqual({m.change["table"] for m in messages}, {"a", "none"})
        keyless = next(m for m in messages if m.change["table"] == "none")
        self.assertEqual((keyless.key, keyless.partition, keyless.change["pkNames"] or []), (None, 0, []))
        for m in self.messages(f"{self.name}_b"):
            self.assertEqual(m.partition, javahash.by_key(d, [m.change["data"][0]["customer"]], 7))
            self.assertEqual(m.key, record_key(d, "b", m.change["data"][0]["id"]))
        unique = self.messages(f"{self.name}.{d}.u")
        self.assertEqual([m.key for m in unique], [record_key(d, "u", "c")])
        self.assertEqual(unique[0].partition, javahash.by_key(d, ["c"], 3))

    def test_a_default_topic_that_is_made_of_names(self):
        c = self.create(self.server, "CREATE TABLE a (id INT PRIMARY KEY)", "CREATE TABLE b (id INT PRIMARY KEY)")
        task = self.task(self.server, [{"table": f"{self.database}.*", "ddl": "all"}], destination={"topic": self.name + ".{database}.{table}"})
        task.run_until_caught_up()
        c.run("INSERT INTO a VALUES (1); INSERT INTO b VALUES (2); ALTER TABLE b ADD COLUMN v INT")
        task.run_until_caught_up()
        found = {table: [m.change["type"] for m in self.messages(f"{self.name}.{self.database}.{table}")] for table in "ab"}
        self.assertEqual(found, {"a": ["INSERT"], "b": ["INSERT", "DDL"]})
        shown = task.run(command="verify")
        self.assertEqual(shown.code, 0, shown.output)

    def test_a_changed_key_is_split(self):
        """DELETE, then INSERT, and the INSERT is appended after the DELETE was acknowledged."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        self.kafka.topic_tool("--create", "--topic", self.name, "--partitions", "6", "--config", "message.timestamp.type=LogAppendTime")
        self.start = self.server.position()
        c.run("INSERT INTO t VALUES (0, 0)")
        for i in range(60):
            c.run(f"UPDATE t SET id = {i + 1}, v = v + 1")
        messages = self.run_task(c, "")
        self.assertEqual(len(messages), 1 + 2 * 60)
        by_id = sorted(messages, key=lambda m: m.change["id"])
        for old, new in zip(by_id[1::2], by_id[2::2]):
            self.assertEqual((old.change["type"], new.change["type"]), ("DELETE", "INSERT"))
            self.assertEqual(new.change["id"], old.change["id"] + 1)
            self.assertLessEqual(old.timestamp, new.timestamp)
        self.assert_tables_equal(c, self.fold(messages), ["t"])

    def test_changed_keys_under_load_and_many_lanes(self):
        """The same with rows between, transactions of many rows, more partitions than lanes and more lanes than cores."""
        lanes, partitions, rows = 5, 17, 400
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE other (id INT PRIMARY KEY AUTO_INCREMENT, v INT)")
        self.kafka.topic_tool("--create", "--topic", self.name, "--partitions", str(partitions), "--config", "message.timestamp.type=LogAppendTime")
        self.start = self.server.position()
        c.run("INSERT INTO t VALUES " + ",".join(f"({i}, 0)" for i in range(rows)))
        random = Random(f"{SEED}")
        keys = list(range(rows))
        for turn in range(60):
            statements = ["BEGIN"]
            for _ in range(random.randrange(1, 25)):
                at = random.randrange(rows)
                new = keys[at] + rows  # its residue stays, so that no two keys meet
                statements += [f"UPDATE t SET id = {new}, v = {turn} WHERE id = {keys[at]}", f"INSERT INTO other (v) VALUES ({turn}),({new})"]
                keys[at] = new
            c.run("; ".join([*statements, "COMMIT"]))
        task = self.task(self.server, start=self.start, limits={"lanes": lanes})
        task.run_until_caught_up()
        messages = self.messages()
        by_id = {m.change["id"]: m for m in messages}
        self.assertEqual(len(by_id), len(messages))
        changed = [m for m in messages if m.change["table"] == "t" and m.change["type"] == "DELETE"]
        moved = 0
        for old in changed:
            new = by_id[old.change["id"] + 1]
            self.assertEqual((new.change["type"], new.change["data"][0]["id"]), ("INSERT", str(int(old.change["data"][0]["id"]) + rows)))
            if new.partition == old.partition:
                self.assertLess(old.offset, new.offset)
            else:
                self.assertLessEqual(old.timestamp, new.timestamp, f"{old} and {new}, seed {SEED}")
                moved += 1
        self.assertGreater(moved, len(changed) // 2)
        self.assert_tables_equal(c, self.fold(messages), ["t", "other"])

    def test_a_changed_key_may_stay_an_update(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        self.start = self.server.position()
        messages = self.run_task(c, "INSERT INTO t VALUES (1, 5); UPDATE t SET id = 2", destination={"key_change": "update"})
        self.assertEqual([m.change["type"] for m in messages], ["INSERT", "UPDATE"])
        self.assertEqual((messages[1].change["data"], messages[1].change["old"]), ([{"id": "2", "v": "5"}], [{"id": "1"}]))

    def test_no_record_key(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY)")
        self.start = self.server.position()
        messages = self.run_task(c, "INSERT INTO t VALUES (1),(2)", destination={"key": "none", "partitions": 3})
        self.assertEqual([m.key for m in messages], [None, None])

    def test_options_of_canal_json(self):
        c = self.create(self.server, "CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, e ENUM('x','y'), s SET('a','b'), b VARBINARY(9), n VARCHAR(10))")
        self.start = self.server.position()
        c.run("INSERT INTO t VALUES (1, 'y', 'a,b', x'00ff', 'n')")
        change = self.run_task(c, "", canal={"mysql_type": "bare", "enum": "ordinal", "binary": "base64", "gtid": True})[0].change
        self.assertEqual(change["data"], [{"id": "1", "e": "2", "s": "3", "b": "AP8=", "n": "n"}])
        self.assertEqual(change["mysqlType"], {"id": "int", "e": "enum", "s": "set", "b": "varbinary", "n": "varchar"})
        self.assertEqual(change["sqlType"], {"id": -5, "e": 4, "s": -7, "b": 2004, "n": 12})
        self.assertRegex(change["gtid"], r"^[0-9a-f-]{36}:[0-9]+$")
        self.assertEqual(list(change), sorted(change))


if __name__ == "__main__":
    unittest.main()
