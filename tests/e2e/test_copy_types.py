"""Copy and stream agree: an INIT row and the INSERT of the same row are the same message, cell by
cell, for every type of MySQL and MariaDB, and both are what the server says."""

import unittest

import test_types as types
from lib import servers
from lib.copycase import CopyCase

SAME = ["data", "database", "isDdl", "mysqlType", "old", "pkNames", "sql", "sqlType", "table"]


class Types:
    """Each server's class provides `server`."""

    json_extra = []

    def fill(self, connection, groups):
        """A table for each group, with the values of its columns in turn and a NULL in each column."""
        connection.run("SET sql_mode=''")
        for table, columns in groups.items():
            parts = [f"`c{i}` {kind}" for i, kind in enumerate(columns)]
            connection.run(f"CREATE TABLE `{table}` (id INT PRIMARY KEY, {', '.join(parts)})")
        start = self.server.position()
        for table, columns in groups.items():
            count = max(len(v) for v in columns.values()) + 1
            names = ", ".join(f"`c{i}`" for i in range(len(columns)))
            for row in range(count):
                values = ["NULL" if (row + i) % count == 0 else str(v[row % len(v)]) for i, v in enumerate(columns.values())]
                connection.run(f"INSERT INTO `{table}` (id, {names}) VALUES ({row}, {', '.join(values)})")
        return start

    def compare(self, start, connection, tables, **keys):
        """One task streams the INSERTs, the other copies the rows; message against message, and
        against the server's own texts unless options make them others (connection is None)."""
        for phases, suffix in ((["incremental"], "s"), (["full"], "c")):
            task = self.task(self.server, name=f"{self.name}_{suffix}", start=start if suffix == "s" else None, phases=phases, **keys)
            task.run_until_caught_up()
        streamed = self.messages(f"{self.name}_s")
        copied = self.messages(f"{self.name}_c")
        self.assertEqual({m.change["type"] for m in streamed}, {"INSERT"})
        self.assertEqual({m.change["type"] for m in copied}, {"INIT"})
        want = {self.place(m): m for m in streamed}
        self.assertEqual(len(copied), len(want))
        for message in copied:
            other = want[self.place(message)]
            for column, value in other.change["data"][0].items():
                self.assertEqual(message.change["data"][0][column], value, f"{message.change['table']}.{column} {other.change['mysqlType'][column]}")
            for member in SAME:
                self.assertEqual(message.change[member], other.change[member], member)
                self.assertEqual(list(message.change[member] or []), list(other.change[member] or []), member)
            self.assertEqual((message.key, message.partition), (other.key, other.partition))
        if connection:
            self.assert_copied(connection, self.copy_fold(copied), tables)

    @staticmethod
    def place(message):
        return message.change["table"], message.change["data"][0]["id"]

    def check(self, groups, **keys):
        c = self.create(self.server)
        start = self.fill(c, groups)
        self.compare(start, c, groups, **keys)

    def test_every_type(self):
        self.check({
            "integers": types.integer_columns(), "decimals": types.decimal_columns(), "floats": types.float_columns(), "bits": types.bit_columns(),
            "times": types.time_columns(zero=True), "strings": types.string_columns(), "enums": types.enum_columns(), "shapes": types.geometry_columns(),
            "documents": {"json": types.JSON_VALUES + self.json_extra}, **self.groups(),
        }, destination={"partitions": 3, "message_max": "2MB"})

    def groups(self):
        return {}

    def test_options_of_the_texts(self):
        columns = {"enum('a','b')": [1, 2], "set('x','y','z')": [5, 0], "binary(4)": ["x'00ff4100'"], "varbinary(300)": [types.hexed(b) for b in types.BYTES],
                   "blob": [types.hexed(b) for b in types.BYTES], "timestamp(3) null": ["'2024-07-01 12:00:00.25'"]}
        c = self.create(self.server)
        start = self.fill(c, {"t": columns})
        self.compare(start, None, ["t"], canal={"enum": "ordinal", "binary": "base64", "mysql_type": "bare"}, source={"time_zone": "+05:30"})

    def test_character_sets(self):
        c = self.create(self.server)
        sets = [name for (name,) in c.text("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS ORDER BY 1") if name != "binary"]
        c.run("SET sql_mode=''")
        pool = "aZ ~ äöüßéèñç ÀÿŒœ žščř łńż ŐŰ αβγΩ жщЯё אבג ابپ ไทย ｱｲｳ あいう カナ 漢字 简体 繁體 한글 €£¥ – “” ğışİ āēģ"
        for name in sets:
            c.run(f"CREATE TABLE t_{name} (id INT PRIMARY KEY, c CHAR(100) CHARACTER SET {name}, v VARCHAR(200) CHARACTER SET {name},"
                  f" x TEXT CHARACTER SET {name}, e ENUM('a','b') CHARACTER SET {name})")
        start = self.server.position()
        for name in sets:
            rows = ",".join(f"({i}, '{p}', '{p}{p}', '{p}', {1 + i % 2})" for i, p in enumerate([pool[:90], *pool.split()]))
            c.run(f"INSERT IGNORE INTO t_{name} VALUES {rows}")
        self.compare(start, c, [f"t_{name}" for name in sets])

    def test_generated_and_invisible(self):
        c = self.create(self.server, self.HIDDEN)
        start = self.server.position()
        c.run("INSERT INTO t (id, a, z) VALUES (1, 10, 'x'), (2, NULL, NULL), (3, 0, '')")
        self.compare(start, c, ["t"])


class TypesMysql(Types, CopyCase):
    json_extra = types.MYSQL_JSON
    HIDDEN = (
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, v INT GENERATED ALWAYS AS (a + 1) VIRTUAL, s INT GENERATED ALWAYS AS (a * 2) STORED,"
        " i INT DEFAULT 7 INVISIBLE, w VARCHAR(20) AS (CONCAT(z, '!')) VIRTUAL, z VARCHAR(9), h INT AS (a * 3) VIRTUAL INVISIBLE)"
    )

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def groups(self):
        return {"vectors": {"vector(3)": ["TO_VECTOR('[1,2.5,-3e10]')", "TO_VECTOR('[0,0,0]')"], "vector(1000)": ["TO_VECTOR('[0]')"]}}

    def test_a_key_that_the_server_made(self):
        """sql_generate_invisible_primary_key: my_row_id is the key, and is shown as in the stream."""
        c = self.create(self.server)
        c.run("SET sql_generate_invisible_primary_key=ON; CREATE TABLE t (id INT, z VARCHAR(9))")
        start = self.server.position()
        c.run("INSERT INTO t VALUES (1,'x'),(2,NULL),(3,'x')")
        self.compare(start, c, ["t"])
        message = self.messages(f"{self.name}_c")[0]
        self.assertEqual(message.change["pkNames"], ["my_row_id"])
        self.assertEqual(list(message.change["data"][0]), ["my_row_id", "id", "z"])

    def test_a_key_of_generated_columns(self):
        c = self.create(self.server, "CREATE TABLE t (id INT NOT NULL, k VARCHAR(20) COLLATE utf8mb4_bin AS (CONCAT('k', id % 10, '-', id)) STORED NOT NULL, PRIMARY KEY (k))")
        start = self.server.position()
        c.run("INSERT INTO t (id) VALUES " + ",".join(f"({i})" for i in range(100)))
        self.compare(start, c, ["t"], full={"chunk_rows": 7})


class TypesMariadb(Types, CopyCase):
    HIDDEN = (
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, v INT GENERATED ALWAYS AS (a + 1) VIRTUAL, s INT GENERATED ALWAYS AS (a * 2) STORED,"
        " i INT INVISIBLE DEFAULT 7, w VARCHAR(20) AS (CONCAT(z, '!')) VIRTUAL, z VARCHAR(9), h INT AS (a * 3) VIRTUAL INVISIBLE)"
    )

    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()

    def groups(self):
        return {"more": {
            "uuid": ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'", "'0188f2a0-0000-7abc-8def-0123456789ab'"],
            "inet6": ["'::'", "'::1'", "'2001:db8::ff00:42:8329'", "'::ffff:192.0.2.128'", "'1:0:0:2:0:0:0:3'"],
            "inet4": ["'0.0.0.0'", "'255.255.255.255'", "'192.0.2.7'"],
            "text compressed": types.TEXTS, "blob compressed": [types.hexed(b) for b in types.BYTES],
        }}

    def test_keys_of_its_own_types(self):
        c = self.create(self.server, "CREATE TABLE t (id UUID PRIMARY KEY, n INET6)")
        start = self.server.position()
        c.run("INSERT INTO t SELECT UUID(), CONCAT('2001:db8::', HEX(seq)) FROM seq_1_to_200")
        self.compare(start, c, ["t"], full={"chunk_rows": 7})

    def test_tables_with_system_versions(self):
        """Rows of the past are no rows of the copy."""
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING")
        c.run("INSERT INTO t VALUES (1,1),(2,2); UPDATE t SET v = 3; DELETE FROM t WHERE id = 2")
        self.task(self.server, phases=["full"]).run_until_caught_up()
        self.assertEqual([m.change["data"][0]["v"] for m in self.messages()], ["3"])


if __name__ == "__main__":
    unittest.main()
