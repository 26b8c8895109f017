"""Every type of MySQL and MariaDB with its edge values, inserted, updated and deleted, and each
cell held against the server's own text."""

import unittest

from lib import servers
from lib.case import EndToEnd

INTEGERS = {
    "tinyint": (-(2**7), 2**8 - 1),
    "smallint": (-(2**15), 2**16 - 1),
    "mediumint": (-(2**23), 2**24 - 1),
    "int": (-(2**31), 2**32 - 1),
    "bigint": (-(2**63), 2**64 - 1),
}


def integer_columns():
    columns = {}
    for name, (low, high) in INTEGERS.items():
        columns[name] = [low, -low - 1, 0, -1, 1, 42]
        columns[f"{name} unsigned"] = [high, high // 2, high // 2 + 1, 0, 1, 200]
    columns["tinyint(1)"] = [0, 1, -128, 127]
    columns["bool"] = ["true", "false"]
    columns["int(7) unsigned zerofill"] = [0, 42, 2**32 - 1]
    columns["bigint zerofill"] = [0, 2**64 - 1]
    return columns


def decimal_columns():
    nines = "9" * 65
    return {
        "decimal(65,0)": [nines, f"-{nines}", 0, "1", "-1"],
        "decimal(65,30)": [f"{'9' * 35}.{'9' * 30}", f"-{'9' * 35}.{'9' * 30}", "0.000000000000000000000000000001", "-0.5", 0],
        "decimal(30,30)": ["0." + "9" * 30, "-0." + "0" * 29 + "1", 0],
        "decimal(9,9)": ["0.123456789", "-0.000000001", 0],
        "decimal(18,9)": ["123456789.987654321", "-1.000000001", "0.1"],
        "decimal(10,0)": [1234567890, -1, 0],
        "decimal(19,1)": ["123456789012345678.9", "-0.1", 10],
        "decimal(1,0)": [9, -9, 0],
        "decimal(10,2) unsigned": ["99999999.99", 0, "0.01"],
        "decimal(5,3) zerofill": ["1.5", "99.999", 0],
        "numeric(12,4)": ["-12345678.1234", "0.0001", 5],
    }


def float_columns():
    doubles = ["1.7976931348623157e308", "-2.2250738585072014e-308", "5e-324", "0", "-0e0", "0.1", "1e7", "9999999.999",
               "123456789.125", "1e-3", "9.99e-4", "1e23", "4.35", "-1e-4", "3", "100", "12345678", "2e0/3e0", "1e16", "9007199254740993"]
    floats = ["3.4028234e38", "-1.17549435e-38", "1e-45", "0", "0.1", "16777217", "1e7", "9999999", "0.001", "0.0001",
              "33333333.3", "1.5e10", "-2.5", "100", "4.35", "1e0/3e0"]
    return {
        "float": floats, "double": doubles, "float unsigned": ["0", "3.4028234e38", "0.7"], "double unsigned": ["0", "1e300"],
        "float(10,2)": ["12345.67", "-0.01"], "double(20,5)": ["1234567890.12345", "-1"], "real": ["0.3", "1e100"], "float(40)": ["0.1", "1e-300"],
    }


def bit_columns():
    columns = {f"bit({n})": ["0", f"b'{'1' * n}'", "b'1'", f"b'1{'0' * (n - 1)}'"] for n in (1, 7, 8, 9, 16, 17, 33, 63, 64)}
    columns["year"] = [1901, 2155, 2000, 0, 1970]
    return columns


def time_columns(zero):
    columns = {}
    zeros = ["'0000-00-00 00:00:00'"] if zero else []
    for f in range(7):
        suffix = f"({f})" if f else ""
        part = ("." + "123456"[:f]) if f else ""
        nines = ("." + "999999"[:f]) if f else ""
        tiny = ("." + "000001"[6 - f:]) if f else ""
        columns[f"time{suffix}"] = [f"'838:59:59'", f"'-838:59:59'", f"'-00:00:01{part}'", f"'00:00:00{tiny}'", f"'-00:00:00{tiny}'",
                                    f"'100:00:00{nines}'", f"'-12:34:56{nines}'", "'00:00:00'", f"'23:59:59{part}'"]
        columns[f"datetime{suffix}"] = [f"'1000-01-01 00:00:00{tiny}'", f"'9999-12-31 23:59:59{part}'", f"'2024-02-29 12:34:56{nines}'",
                                        *zeros, *(["'2024-00-00 00:00:00'", "'2024-05-00 01:02:03'"] if zero else [])]
        columns[f"timestamp{suffix} null"] = [f"'1970-01-01 00:00:01{part}'", f"'2038-01-19 03:14:07{part}'", f"'2024-07-01 12:34:56{nines}'",
                                              f"'2024-01-01 00:00:00{tiny}'", *zeros]
    columns["date"] = ["'1000-01-01'", "'9999-12-31'", "'2024-02-29'", "'1969-12-31'", *(["'0000-00-00'", "'2024-00-00'", "'2024-12-00'"] if zero else [])]
    return columns


def hexed(data):
    return f"x'{data.hex()}'" if data else "''"


TEXTS = ["''", "'a'", "'  spaces  '", "'\"quoted\" \\\\ back/slash'", "'tab\\tline\\nreturn\\rzero\\0bell\x07del\x7f'", "'äöü ß € 漢字 한글 😀 𝔘'", "'null'", "'\u2028\u2029\ufeff'"]
BYTES = [b"", b"\0", b"\0\0a\0", bytes(range(256)), b"\xff\xfe", "äöü".encode(), b'"\\\n', b"   ", b"a  "]


def string_columns():
    binary = [hexed(b) for b in BYTES]
    small = [hexed(b) for b in BYTES if len(b) <= 20]
    return {
        "char(40)": TEXTS, "char(0)": ["''"], "char(255)": ["REPEAT('x',255)", "REPEAT('😀',255)", "'trail  '"],
        "varchar(40)": TEXTS, "varchar(0)": ["''"], "varchar(255)": ["REPEAT('ä',255)", "''"], "varchar(256)": ["REPEAT('b',256)", "'x'"],
        "varchar(3000)": ["REPEAT('€',3000)", "''"],
        "binary(20)": small, "binary(0)": ["''"], "varbinary(300)": binary, "varbinary(20)": small, "varbinary(255)": [hexed(bytes(range(255)))],
        "tinytext": TEXTS, "text": [*TEXTS, "REPEAT('long ',12000)"], "mediumtext": [*TEXTS, "REPEAT('m',70000)"], "longtext": [*TEXTS, "REPEAT('l',100000)"],
        "tinyblob": [b for b in binary if len(b) < 400], "blob": binary, "mediumblob": [*binary, "REPEAT(x'00ff',40000)"], "longblob": binary,
    }


def enum_columns():
    many = ",".join(f"'v{i}'" for i in range(300))
    members = ",".join(f"'m{i}'" for i in range(64))
    return {
        "enum('a','b','it''s','ü,€','')": [1, 2, 3, 4, 5], f"enum({many})": [1, 255, 256, 300, "'v17'"],
        "enum('x') charset latin1": [1], "enum('ö','ß') charset latin1": [1, 2],
        "set('a','b','c')": [0, 1, 5, 7, "'b'"], f"set({members})": [0, 1, 2**63, 2**64 - 1, 2**32], "set('é','ü') charset latin1": [0, 3, 1],
        "set('1','2','3','4','5','6','7','8','9')": [256, 511, 1],
    }


def geometry_columns():
    return {
        "geometry": ["ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('LINESTRING(0 0,1 1,2 -2.5)')"],
        "point": ["ST_GeomFromText('POINT(-1.5 1e10)')"], "linestring": ["ST_GeomFromText('LINESTRING(0 0,1 1)')"],
        "polygon": ["ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(5 5,7 5,7 7,5 7,5 5))')"],
        "multipoint": ["ST_GeomFromText('MULTIPOINT(0 0,20 20)')"], "multilinestring": ["ST_GeomFromText('MULTILINESTRING((0 0,1 1),(2 2,3 3))')"],
        "multipolygon": ["ST_GeomFromText('MULTIPOLYGON(((0 0,4 0,4 4,0 4,0 0)))')"],
        "geometrycollection": ["ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,5 5))')"],
    }


JSON_VALUES = [
    "'null'", "'true'", "'false'", "'0'", "'-1'", "'{}'", "'[]'", "'\"\"'", "'[1,-1,32767,-32768,32768,65536,2147483647,-2147483648,2147483648]'",
    "'[9223372036854775807,-9223372036854775808,18446744073709551615]'", "'[1.5,0.1,-0.0,1e7,1e22,1e-7,123456789.125,1.7976931348623157e308,5e-324,100.0]'",
    "'{\"b\":1,\"a\":2,\"ccc\":[{\"deep\":{\"er\":[[[]]]}}],\"\":null}'", "'\"esc \\\\\" \\\\\\\\ \\\\/ \\\\b\\\\f\\\\n\\\\r\\\\t \\\\u0001 \\\\u00e4 \\\\ud83d\\\\ude00\"'",
    "'{\"ä漢\":\"ö😀\"}'", "CONCAT('\"', REPEAT('x', 70000), '\"')", "CONCAT('[', REPEAT('1,', 40000), '1]')",
    "CONCAT('{', (SELECT GROUP_CONCAT(CONCAT('\"k', n, '\":', n)) FROM (SELECT ROW_NUMBER() OVER () n FROM information_schema.COLLATIONS LIMIT 60) q), '}')",
]
MYSQL_JSON = [
    "JSON_OBJECT('d', DATE'2024-02-29', 't', TIME'-838:59:59', 'tf', TIME'10:11:12.123456', 'dt', TIMESTAMP'2024-02-29 10:11:12.5', 'z', CAST('9999-12-31 23:59:59.999999' AS DATETIME(6)))",
    "JSON_ARRAY(1.50, -0.001, 99999999999999999999999999999999.5, CAST(0 AS DECIMAL(10,3)), 3.0)",
    "JSON_OBJECT('bin', x'00ff41', 'bit', b'101', 'u', CAST(18446744073709551615 AS UNSIGNED), 'blob', CAST('abc' AS BINARY))",
    "JSON_ARRAY(ST_GeomFromText('POINT(1 2)'), YEAR('2024-01-01'))", "CAST(CAST('2024-01-01' AS DATE) AS JSON)", "CAST(1e0/3e0 AS JSON)",
]

SQL_TYPE = {
    "tinyint": -6, "smallint": 5, "mediumint": 4, "int": 4, "bigint": -5, "decimal": 3, "float": 7, "double": 8, "bit": -7, "year": 12, "date": 91,
    "time": 92, "datetime": 93, "timestamp": 93, "char": 1, "varchar": 12, "enum": 12, "set": 12, "json": 12, "tinytext": 2005, "text": 2005,
    "mediumtext": 2005, "longtext": 2005,
}
SQL_TYPE_UNSIGNED = {"tinyint": 5, "smallint": 4, "mediumint": 4, "int": -5, "bigint": 3}
SQL_TYPE.update(dict.fromkeys(["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "geometry", "point", "linestring", "polygon",
                               "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection"], 2004))


class Types:
    """The tests; each server's class provides `server`."""

    json_extra = []

    def check(self, groups, prepare="", **keys):
        """groups: table name to {column type: value expressions}. Rows take the values in turn;
        an UPDATE moves each row on to its next values, NULLs included."""
        c = self.create(self.server)
        c.run("SET sql_mode=''")
        if prepare:
            c.run(prepare)
        for table, columns in groups.items():
            parts = [f"`c{i}` {kind}" for i, kind in enumerate(columns)]
            c.run(f"CREATE TABLE `{table}` (id INT PRIMARY KEY, {', '.join(parts)})")
        task = self.task(self.server, start=self.server.position(), **keys)
        for table, columns in groups.items():
            count = max(len(v) for v in columns.values()) + 1
            names = ", ".join(f"`c{i}`" for i in range(len(columns)))
            for row in range(count):
                # One NULL in each column, in another row each.
                values = ["NULL" if (row + i) % count == 0 else str(v[row % len(v)]) for i, v in enumerate(columns.values())]
                c.run(f"INSERT INTO `{table}` (id, {names}) VALUES ({row}, {', '.join(values)})")
        task.run_until_caught_up()
        inserted = self.messages()
        self.assert_tables_equal(c, self.fold(inserted), groups)
        for table in groups:
            self.check_types(c, table, inserted)
        for table, columns in groups.items():
            count = max(len(v) for v in columns.values()) + 1
            for row in range(count):
                sets = [f"`c{i}`=" + ("NULL" if (row + 1 + i) % count == 0 else str(v[(row + 1) % len(v)])) for i, v in enumerate(columns.values())]
                c.run(f"UPDATE `{table}` SET {', '.join(sets)} WHERE id={row}")
        task.run_until_caught_up()
        updated = self.messages()
        self.assert_tables_equal(c, self.fold(updated), groups)
        self.assertTrue(any(m.change["type"] == "UPDATE" for m in updated))
        for table in groups:
            c.run(f"DELETE FROM `{table}` WHERE id % 2 = 0")
        task.run_until_caught_up()
        deleted = self.messages()
        self.assert_tables_equal(c, self.fold(deleted), groups)
        self.assertTrue(any(m.change["type"] == "DELETE" for m in deleted))
        return c, deleted

    def check_types(self, connection, table, messages):
        rows = connection.text(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE FROM information_schema.COLUMNS"
            f" WHERE TABLE_SCHEMA='{self.database}' AND TABLE_NAME='{table}' ORDER BY ORDINAL_POSITION"
        )
        change = next(m.change for m in messages if m.change["table"] == table)
        # MariaDB remarks on columns in a format of its past; that is no part of the type.
        self.assertEqual(change["mysqlType"], {name: full.replace(" /* mariadb-5.3 */", "") for name, _, full in rows})
        self.assertEqual(list(change["sqlType"]), [name for name, _, _ in rows])
        for name, kind, full in rows:
            code = SQL_TYPE_UNSIGNED[kind] if "unsigned" in full and kind in SQL_TYPE_UNSIGNED else SQL_TYPE.get(kind)
            if code is not None:
                self.assertEqual(change["sqlType"][name], code, f"sqlType of {full}")
        self.assertEqual(change["pkNames"], ["id"])

    def test_numbers(self):
        self.check({"integers": integer_columns(), "decimals": decimal_columns(), "floats": float_columns(), "bits": bit_columns()})

    def test_times(self):
        self.check({"times": time_columns(zero=True)})

    def test_strings(self):
        self.check({"strings": string_columns(), "enums": enum_columns()})

    def test_geometry(self):
        self.check({"shapes": geometry_columns()})

    def test_json(self):
        self.check({"documents": {"json": JSON_VALUES + self.json_extra}})

    def test_time_zone_with_offset(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP(3) NULL, b DATETIME)")
        task = self.task(self.server, start=self.server.position(), source={"time_zone": "+05:30"})
        c.run("SET time_zone='+00:00'; INSERT INTO t VALUES (1,'2024-07-01 12:00:00.25','2024-07-01 12:00:00'),(2,NULL,NULL)")
        task.run_until_caught_up()
        self.assertEqual(self.messages()[0].change["data"][0], {"id": "1", "a": "2024-07-01 17:30:00.250", "b": "2024-07-01 12:00:00"})
        c.run("SET time_zone='+05:30'")
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_character_sets(self):
        """A text of many scripts in a column of every character set that the server has; what a
        set lacks is a question mark there, and so it is here."""
        c = self.create(self.server)
        c.run("SET sql_mode=''")
        sets = [name for (name,) in c.text("SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS ORDER BY 1") if name != "binary"]
        pool = "aZ ~ äöüßéèñç ÀÿŒœ žščř łńż ŐŰ αβγΩ жщЯё אבג ابپ ไทย ｱｲｳ あいう カナ 漢字 简体 繁體 한글 €£¥ – “” ğışİ āēģ"
        pieces = [f"{a}{b}" for a, b in zip(pool, pool[1:])]
        for name in sets:
            c.run(f"CREATE TABLE t_{name} (id INT PRIMARY KEY, c CHAR(100) CHARACTER SET {name}, v VARCHAR(200) CHARACTER SET {name},"
                  f" x TEXT CHARACTER SET {name}, e ENUM('a','b') CHARACTER SET {name})")
        task = self.task(self.server, start=self.server.position())
        for name in sets:
            rows = ",".join(f"({i}, '{p}', '{p}{p}', '{p}', {1 + i % 2})" for i, p in enumerate([pool[:90], *pieces]))
            c.run(f"INSERT IGNORE INTO t_{name} VALUES {rows}; UPDATE IGNORE t_{name} SET v=c, x=v WHERE id < 20")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), [f"t_{name}" for name in sets])

    def test_generated_and_invisible_columns(self):
        c = self.create(
            self.server,
            "CREATE TABLE t (id INT PRIMARY KEY, a INT, v INT GENERATED ALWAYS AS (a + 1) VIRTUAL, s INT GENERATED ALWAYS AS (a * 2) STORED, i INT INVISIBLE DEFAULT 7, z VARCHAR(9))",
        )
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t (id, a, z) VALUES (1, 10, 'x'), (2, NULL, NULL); UPDATE t SET a = 5, i = 8 WHERE id = 2; INSERT INTO t (id, a) VALUES (3, 0); DELETE FROM t WHERE id = 1")
        task.run_until_caught_up()
        fold = self.fold()
        rows = {row["id"]: row for row in fold.table(f"{self.database}.t")}
        self.assertEqual(set(rows), {"2", "3"})
        for name, want in (("a", "5"), ("s", "10"), ("i", "8"), ("z", None)):
            self.assertEqual(rows["2"][name], want, name)
        self.assert_tables_equal(c, fold, ["t"])


class MysqlTypes(Types, EndToEnd):
    json_extra = MYSQL_JSON

    def setUp(self):
        super().setUp()
        self.server = servers.mysql()

    def test_vectors(self):
        c = self.create(self.server, "CREATE TABLE t (id INT PRIMARY KEY, v VECTOR(3), w VECTOR(1000))")
        task = self.task(self.server, start=self.server.position())
        c.run("INSERT INTO t VALUES (1, TO_VECTOR('[1,2.5,-3e10]'), NULL), (2, NULL, TO_VECTOR('[0]')), (3, TO_VECTOR('[0,0,0]'), NULL)")
        task.run_until_caught_up()
        self.assert_tables_equal(c, self.fold(), ["t"])

    def test_full_metadata_gives_the_same(self):
        self.server = servers.mysql("full", "--binlog-row-metadata=FULL")
        columns = {**string_columns(), **{k: v for k, v in integer_columns().items() if "unsigned" in k}}
        self.check({"a": columns, "e": enum_columns(), "g": geometry_columns(), "j": {"json": MYSQL_JSON}})

    def test_named_time_zone_of_the_source(self):
        """TIMESTAMP follows the zone of the server's machine, summer time included."""
        with servers.OwnServer("mysql", environment={"TZ": "Europe/Berlin"}) as server:
            self._zone(server)

    def _zone(self, server):
        c = self.create(server, "CREATE TABLE t (id INT PRIMARY KEY, a TIMESTAMP(6) NULL)")
        task = self.task(server, start=server.position())
        moments = ["1970-01-01 00:00:01", "1980-04-06 00:59:59", "1980-04-06 01:00:00", "2024-03-31 00:59:59.999999", "2024-03-31 01:00:00", "2024-10-27 00:59:59.5",
                   "2024-10-27 01:00:00", "2030-07-01 00:00:00", "2037-12-31 23:59:59"]
        c.run("SET time_zone='+00:00'; INSERT INTO t VALUES " + ",".join(f"({i},'{m}')" for i, m in enumerate(moments)))
        task.run_until_caught_up()
        c.run("SET time_zone='SYSTEM'")
        self.assertEqual(c.one("SELECT a FROM t WHERE id=3"), "2024-03-31 01:59:59.999999")
        self.assert_tables_equal(c, self.fold(), ["t"])


class MariadbTypes(Types, EndToEnd):
    def setUp(self):
        super().setUp()
        self.server = servers.mariadb()

    def test_uuid_and_inet(self):
        self.check({"t": {
            "uuid": ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-4fff-bfff-ffffffffffff'", "'0188f2a0-0000-7abc-8def-0123456789ab'"],
            "inet6": ["'::'", "'::1'", "'2001:db8::ff00:42:8329'", "'::ffff:192.0.2.128'", "'fe80::1:0:0:1'", "'1:0:0:2:0:0:0:3'", "'::192.0.2.1'", "'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'"],
            "inet4": ["'0.0.0.0'", "'255.255.255.255'", "'192.0.2.7'"],
        }})

    def test_full_metadata_gives_the_same(self):
        self.server = servers.mariadb("full", "--binlog-row-metadata=FULL", "--log-bin-compress=ON", "--log-bin-compress-min-len=10")
        columns = {**string_columns(), **{k: v for k, v in integer_columns().items() if "unsigned" in k}}
        self.check({"a": columns, "e": enum_columns(), "g": geometry_columns(), "j": {"json": JSON_VALUES}, "u": {"uuid": ["UUID()"], "inet6": ["'::1'"]}})

    def test_old_temporal_formats(self):
        """mysql56_temporal_format=OFF writes the temporal types as servers before 5.6 did, fractions in MariaDB's way."""
        with servers.OwnServer("mariadb", "--mysql56-temporal-format=OFF") as server:
            self.server = server
            self.check({"times": time_columns(zero=True)})

    def test_compressed_columns(self):
        columns = {"text compressed": TEXTS + ["REPEAT('abc',5000)"], "varchar(2000) compressed": ["REPEAT('ä',1500)", "''", "'x'"], "blob compressed": [hexed(b) for b in BYTES] + ["REPEAT(x'00ff',9000)"]}
        self.check({"t": columns})


if __name__ == "__main__":
    unittest.main()
