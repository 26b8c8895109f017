#!/usr/bin/env python3
"""Prints SQL, one statement a line: the tables and values of tests/e2e/test_types.py as INSERTs, and
some that only a copy can get wrong. The first column of each table is its key `id`.

    copy_types.py mysql|mariadb
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import test_types as types  # noqa: E402

CHARSETS_TEXT = "aZ ~ äöüßéèñç ÀÿŒœ žščř łńż ŐŰ αβγΩ жщЯё אבג ابپ ไทย ｱｲｳ あいう カナ 漢字 简体 繁體 한글 €£¥ – “” ğışİ āēģ"


def table(name, columns, options=""):
    parts = [f"`c{i}` {kind}" for i, kind in enumerate(columns)]
    print(f"CREATE TABLE `{name}` (id INT PRIMARY KEY, {', '.join(parts)}) {options}")
    count = max(len(v) for v in columns.values()) + 1
    names = ", ".join(f"`c{i}`" for i in range(len(columns)))
    for row in range(count):
        values = ["NULL" if (row + i) % count == 0 else str(v[row % len(v)]) for i, v in enumerate(columns.values())]
        print(f"INSERT INTO `{name}` (id, {names}) VALUES ({row}, {', '.join(values)})")


def charsets(names):
    pieces = [f"{a}{b}" for a, b in zip(CHARSETS_TEXT, CHARSETS_TEXT[1:])]
    for name in names:
        print(
            f"CREATE TABLE cs_{name} (id INT PRIMARY KEY, c CHAR(100) CHARACTER SET {name}, v VARCHAR(200) CHARACTER SET {name},"
            f" x TEXT CHARACTER SET {name}, e ENUM('a','b') CHARACTER SET {name}, s SET('a','b') CHARACTER SET {name})"
        )
        rows = ",".join(f"({i}, '{p}', '{p}{p}', '{p}', {1 + i % 2}, {i % 4})" for i, p in enumerate([CHARSETS_TEXT[:90], *pieces]))
        print(f"INSERT IGNORE INTO cs_{name} VALUES {rows}")


def main(server):
    maria = server == "mariadb"
    print("SET NAMES utf8mb4")
    print("SET sql_mode=''")
    table("integers", types.integer_columns())
    table("decimals", types.decimal_columns())
    table("floats", types.float_columns())
    table("bits", types.bit_columns())
    table("times", types.time_columns(zero=True))
    table("strings", types.string_columns())
    table("enums", types.enum_columns())
    table("shapes", types.geometry_columns())
    table("documents", {"json": types.JSON_VALUES + ([] if maria else types.MYSQL_JSON)})
    one_byte = "armscii8 ascii cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 dec8 geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce macroman swe7 tis620"
    charsets((one_byte + " big5 cp932 eucjpms euckr gb2312 gbk sjis ucs2 ujis utf16 utf16le utf32 utf8mb3 utf8mb4").split() + ([] if maria else ["gb18030"]))
    # What an ENUM holds that is none of its members, labels that end alike, and zeros.
    print("CREATE TABLE odd_enums (id INT PRIMARY KEY, e ENUM('a','b ','c,d'), s SET('x','y') NOT NULL)")
    print("INSERT IGNORE INTO odd_enums VALUES (1,'zz','x'),(2,'b ','x,y'),(3,'c,d',''),(4,0,0)")
    # The key is not the first column, and made of several.
    print("CREATE TABLE keys2 (id INT NOT NULL, a VARCHAR(9), k2 DECIMAL(9,3) NOT NULL, b DATETIME(3), k1 CHAR(5) NOT NULL, PRIMARY KEY (k1, k2), UNIQUE (id))")
    print("INSERT INTO keys2 VALUES (1,'x',-1.5,NULL,'k'),(2,NULL,2,'2024-01-02 03:04:05.678','')")
    print("CREATE TABLE hidden (id INT PRIMARY KEY, a INT, v INT GENERATED ALWAYS AS (a + 1) VIRTUAL, s INT GENERATED ALWAYS AS (a * 2) STORED, i INT INVISIBLE DEFAULT 7, `we``ird name` INT)")
    print("INSERT INTO hidden (id, a) VALUES (1, 10), (2, NULL)")
    print("INSERT INTO hidden (id, a, i, `we``ird name`) VALUES (3, 0, 8, 9)")
    print("CREATE TABLE wide (id INT PRIMARY KEY," + ",".join(f"c{i} INT" for i in range(500)) + ")")
    print("INSERT INTO wide (id, c0, c7, c63, c64, c499) VALUES (1,1,2,3,4,5)")
    print("INSERT INTO wide VALUES (2," + ",".join(str(i) for i in range(500)) + ")")
    print("CREATE TABLE big (id INT PRIMARY KEY, a LONGBLOB, b LONGTEXT)")
    print("INSERT INTO big VALUES (1, REPEAT(x'00ff10', 100000), ''), (2, REPEAT('y', 1000000), REPEAT('ä', 3000000)), (3, '', 'z')")
    if maria:
        table("addresses", {
            "uuid": ["'123e4567-e89b-12d3-a456-426655440000'", "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-4fff-bfff-ffffffffffff'", "'0188f2a0-0000-7abc-8def-0123456789ab'"],
            "inet6": ["'::'", "'::1'", "'2001:db8::ff00:42:8329'", "'::ffff:192.0.2.128'", "'fe80::1:0:0:1'", "'::192.0.2.1'", "'1:0::'"],
            "inet4": ["'0.0.0.0'", "'255.255.255.255'", "'192.0.2.7'"],
        })
        table("packed", {"text compressed": types.TEXTS + ["REPEAT('abc',5000)"], "varchar(2000) compressed": ["REPEAT('ä',1500)", "''", "'x'"],
                         "blob compressed": [types.hexed(b) for b in types.BYTES] + ["REPEAT(x'00ff',9000)"]})
        print("CREATE TABLE versioned (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING")
        print("INSERT INTO versioned VALUES (1, 2), (2, NULL)")
        print("CREATE TABLE versioned_too (id INT PRIMARY KEY, rs TIMESTAMP(6) GENERATED ALWAYS AS ROW START, re TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, PERIOD FOR SYSTEM_TIME(rs, re)) WITH SYSTEM VERSIONING")
        print("INSERT INTO versioned_too (id) VALUES (1), (2)")
        print("CREATE TABLE hashed (id INT PRIMARY KEY, t TEXT NOT NULL, UNIQUE (t))")
        print("INSERT INTO hashed VALUES (1, 'a'), (2, 'b')")
        print("CREATE SEQUENCE counter")
        print("SELECT NEXT VALUE FOR counter")
    else:
        print("CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(3), w VECTOR(1000))")
        print("INSERT INTO vectors VALUES (1, TO_VECTOR('[1,2.5,-3e10]'), NULL), (2, NULL, TO_VECTOR('[0]')), (3, TO_VECTOR('[0,0,0]'), NULL)")
        print("CREATE TABLE places (id INT PRIMARY KEY, p POINT SRID 4326, g GEOMETRY)")
        print("INSERT INTO places VALUES (1, ST_GeomFromText('POINT(10 20)', 4326), ST_GeomFromText('POINT(1 2)'))")
        print("SET SESSION sql_generate_invisible_primary_key=ON")
        print("CREATE TABLE gipk (id INT NOT NULL, a TEXT)")
        print("INSERT INTO gipk VALUES (5, 'x'), (6, NULL)")


if __name__ == "__main__":
    main(sys.argv[1])
