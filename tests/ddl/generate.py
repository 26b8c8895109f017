"""Random DDL statements over what is there, most of which a server takes.

    g = Generator(random.Random(seed), mariadb)
    text = g.statement()        the server runs it, or refuses it
    g.learn(oracle)             what there is now
"""

import re

DATABASES = ("ddl_a", "ddl_b", "DDL c")
TABLES = ("t1", "t2", "t3", "t4", "T5", "weird.name", "Été", "x`y", "1t", "日本")
COLUMNS = ("a", "b", "c", "d", "e", "f", "g", "h", "Éa", "a b", "q`x", "key", "1c", "数", "c,d", "A_2", "a_2")
# Not utf16, utf32 and ucs2: labels of ENUM come out of CONVERT TO broken (both servers); nor sjis,
# out of which MySQL converts a backslash in them by the byte.
CHARSETS = (
    "utf8mb4", "utf8mb3", "utf8", "latin1", "latin2", "ascii", "binary", "cp1251", "gbk", "big5", "euckr",
    "koi8r",
)
COLLATIONS = (
    "utf8mb4_bin", "utf8mb4_unicode_ci", "utf8mb3_bin", "utf8_unicode_ci", "latin1_bin", "latin1_german1_ci",
    "cp1251_bin", "ascii_bin", "UTF8MB4_GENERAL_CI",
)
# Only ASCII: MySQL makes nonsense of other labels when their column is converted.
LABELS = ("'x'", "'y z'", "'it''s'", "'a\\\\b'", "'q\"q'", "''", "'T'", "'trail '", "'\\n'", "'c,d'", "')'")


def quote(name):
    return "`" + name.replace("`", "``") + "`"


class Generator:
    def __init__(self, rng, mariadb):
        self.r = rng
        self.mariadb = mariadb
        self.tables = {}  # (database, table): columns
        self.keys = {}    # (database, table): names of keys
        self.types = {}   # (database, table): bare types of columns

    def learn(self, oracle):
        self.tables = {t: list(c) for t, c in oracle.columns_shown.items()}
        self.keys = {t: list(k) for t, k in oracle.keys_shown.items()}
        self.types = oracle.types_shown

    # -- pieces --------------------------------------------------------------

    def maybe(self, share, text):
        return text if self.r.random() < share else ""

    def one(self, *items):
        return self.r.choice(items)

    def case(self, text):
        return self.one(text, text, text.lower(), text.title())

    def space(self):
        return self.one(" ", " ", " ", " ", "  ", "\n", "\t", " /* c ' */ ", " -- x\n", " # `\n", " /*!50000 */ ")

    def name(self, name):
        plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*|[^\x00-\x7f]+", name) and name.lower() not in ("key",)
        if plain and self.r.random() < 0.6:
            return name.swapcase() if name.isascii() and self.r.random() < 0.05 else name
        return quote(name)

    def exact(self, name):
        return quote(name) if not re.fullmatch(r"[a-z]\w*", name) or name == "key" else name

    def table_name(self, table):
        database, name = table
        dot = self.one(".", ".", " . ") if self.r.random() < 0.2 else "."
        if database == "ddl_a" and self.r.random() < 0.7:
            return quote(name)
        return quote(database) + dot + quote(name)

    def table(self):
        return self.r.choice(sorted(self.tables)) if self.tables else ("ddl_a", "t1")

    def new_table(self):
        free = [(d, t) for d in DATABASES for t in TABLES if (d, t) not in self.tables]
        return self.r.choice(free or [("ddl_a", "t1")])

    def column(self, table):
        return self.r.choice(self.tables.get(table) or ["a"])

    def new_column(self, table):
        there = {c.lower() for c in self.tables.get(table, ())}
        return self.r.choice([c for c in COLUMNS if c.lower() not in there] or ["zz"])

    # -- types ---------------------------------------------------------------

    def charset(self, table=False):
        eq = self.one(" ", "=", " = ") if table else " "
        word = self.one("CHARACTER SET", "CHARSET", "CHAR SET" if not table else "CHARSET")
        charset, collate = f"{word}{eq}{self.one(*CHARSETS)}", f"COLLATE{eq}{self.one(*COLLATIONS)}"
        return self.one(charset, charset, collate, "CHARSET" + eq + "latin1 COLLATE" + eq + "latin1_bin")

    def text_type(self):
        n = self.one(0, 1, 3, 10, 50, 63, 64, 100, 191, 255)
        word = self.one(
            f"CHAR({min(n, 255)})", "CHAR", f"VARCHAR({n})", f"VARCHAR({n})", f"CHARACTER VARYING({n})", "TINYTEXT",
            "TEXT", f"TEXT({max(n, 1)})", f"TEXT({self.one(300, 16000, 70000)})", "MEDIUMTEXT", "LONGTEXT", "LONG",
            f"ENUM({self.members()})", f"SET({self.members()})",
        )
        extra = self.one("", "", "", " " + self.charset(), " BINARY", " ASCII", " BYTE", " CHARACTER SET binary")
        return word + extra

    def members(self):
        return ", ".join(self.r.sample(LABELS, self.r.randint(1, 5)))

    def type(self):
        r = self.r
        number = self.one("TINYINT", "SMALLINT", "MEDIUMINT", "INT", "INTEGER", "BIGINT", "INT4", "DECIMAL", "DEC(10,2)",
                          "NUMERIC(5)", "FLOAT", "DOUBLE", "FLOAT(30)", "DOUBLE(8,3)", "REAL", "FIXED(6,6)")
        if number in ("INT", "TINYINT", "BIGINT", "SMALLINT"):
            number += self.one("", "", "(1)", "(4)", "(11)")
        number += self.one("", "", "", " UNSIGNED", " ZEROFILL", " SIGNED", " UNSIGNED ZEROFILL")
        fraction = self.one("", "(0)", "(3)", "(6)")
        other = self.one(
            "BOOL", "BOOLEAN", "BIT", "BIT(5)", "YEAR", "DATE", "TIME" + fraction, "DATETIME" + fraction,
            "TIMESTAMP" + fraction + " NULL", "BINARY(5)", "BINARY", "VARBINARY(20)", "BLOB", "TINYBLOB", "BLOB(1000)",
            "LONGBLOB", "JSON", "LONG VARBINARY", "NCHAR(4)",
            "NATIONAL VARCHAR(9)", "NVARCHAR(7)",
        )
        if r.random() < 0.1:
            other = self.one("UUID", "INET6", "INET4", "TEXT COMPRESSED", "VARCHAR(50) COMPRESSED") if self.mariadb \
                else self.one("VECTOR(3)", "VECTOR")
        return self.one(number, self.text_type(), self.text_type(), other)

    def attributes(self, kind):
        text = self.one("", "", "", " NOT NULL", " NULL", " DEFAULT NULL")
        text += self.maybe(0.1, " COMMENT 'c, (''\"'")
        text += self.maybe(0.05, " UNIQUE") + self.maybe(0.03, " UNIQUE KEY")
        text += self.maybe(0.05, " INVISIBLE")
        return text

    def definition(self, name):
        r = self.r.random()
        name = self.exact(name)
        if r < 0.06:
            return name + self.one(" INT AS (1 + (2))", " VARCHAR(9) GENERATED ALWAYS AS (')') VIRTUAL",
                                   " INT GENERATED ALWAYS AS (5) STORED", " BIGINT AS (7) STORED")
        if r < 0.08:
            return name + " SERIAL"
        if r < 0.13:
            return name + self.space() + self.one("INT", "BIGINT UNSIGNED") + self.one(
                " PRIMARY KEY", " NOT NULL PRIMARY KEY", " AUTO_INCREMENT PRIMARY KEY", " KEY", " DEFAULT 5", " DEFAULT (1 + 1)",
                " CHECK (1 < 2)")
        kind = self.type()
        return name + self.space() + self.case(kind) + self.attributes(kind)

    def key(self, columns, geometries=()):
        parts = []
        columns = [c for c in columns if c not in geometries] or ["a"]
        for c in self.r.sample(columns, min(len(columns), self.r.choice((1, 1, 1, 2, 3)))):
            parts.append(self.exact(c) + self.one("", "", "", "(5)", "(10)", "(20)", " DESC" if not self.mariadb else ""))
        body = f" ({', '.join(parts)})"
        name = self.one("", "", "", " " + self.exact(self.one(*COLUMNS)), " k1", " `k 2`", " k3")
        word = self.one("UNIQUE", "UNIQUE KEY", "UNIQUE INDEX", "KEY", "INDEX")
        if self.r.random() < 0.2:
            return "PRIMARY KEY" + body
        if self.r.random() < 0.1:
            return "CONSTRAINT" + self.one("", " c1", " c2") + " UNIQUE" + body
        return word + name + self.maybe(0.1, " USING BTREE") + body + self.maybe(0.1, " COMMENT 'k'")

    def table_options(self):
        return self.space().join(self.r.sample((
            "ENGINE=InnoDB", "ENGINE = MyISAM", "COMMENT='x (y, z'", "ROW_FORMAT=DYNAMIC", "DEFAULT " + self.charset(True),
            self.charset(True), "AUTO_INCREMENT=10", "ENGINE=MEMORY", "STATS_PERSISTENT=DEFAULT",
        ), self.r.choice((0, 0, 1, 1, 2))))

    # -- statements ----------------------------------------------------------

    def create(self):
        table = self.new_table()
        head = self.case("CREATE") + self.space() + self.case("TABLE") + " " + self.maybe(0.2, "IF NOT EXISTS ")
        if self.mariadb and self.r.random() < 0.1:
            table, head = self.table(), "CREATE OR REPLACE TABLE "
        head += self.table_name(table)
        if self.r.random() < 0.1 and self.tables:
            return head + self.one(" LIKE {}", " (LIKE {})").format(self.table_name(self.table()))
        if self.r.random() < 0.06 and self.tables:
            return head + self.one(" AS", "") + " SELECT * FROM " + self.table_name(self.table())
        columns = self.r.sample(COLUMNS[:-2], self.r.randint(1, 7))
        items = [self.definition(c) for c in columns]
        geometries = [c for c, item in zip(columns, items) if re.search("(?i)point|geom| as [(]", item)]
        items += [self.key(columns, geometries) for _ in range(self.r.choice((0, 0, 1, 2, 3)))]
        text = f"{head}{self.space()}({(',' + self.space()).join(items)}) {self.table_options()}"
        if self.mariadb and self.r.random() < 0.05:
            text += " WITH SYSTEM VERSIONING"
        return text + self.maybe(0.05, " PARTITION BY HASH (1) PARTITIONS 2")

    def place(self, table):
        return self.one("", "", "", " FIRST", f" AFTER {self.name(self.column(table))}")

    def add(self, table):
        exists = "IF NOT EXISTS " if self.mariadb and self.r.random() < 0.2 else ""
        name = self.column(table) if exists and self.r.random() < 0.3 else self.new_column(table)
        if self.r.random() < 0.1:
            return f"ADD ({self.definition(name)}, {self.definition('zz')})"
        return f"ADD {self.maybe(0.5, 'COLUMN ')}{exists}{self.definition(name)}{self.place(table)}"

    def alter_action(self, table):
        r, columns = self.r, self.tables.get(table) or ["a"]
        keys = self.keys.get(table) or ["nokey"]
        geometries = self.geometries(table)
        column = self.column(table)
        exists = self.maybe(0.2, "IF EXISTS ") if self.mariadb else ""
        actions = [
            lambda: self.add(table), lambda: self.add(table), lambda: self.add(table),
            lambda: f"DROP {self.maybe(0.5, 'COLUMN ')}{exists}{self.name(column)}",
            lambda: f"MODIFY {self.maybe(0.5, 'COLUMN ')}{exists}{self.definition(column)}{self.place(table)}",
            lambda: f"MODIFY {self.definition(column)}{self.place(table)}",
            lambda: f"CHANGE {exists}{self.name(column)} {self.definition(self.new_column(table))}{self.place(table)}",
            lambda: f"RENAME COLUMN {self.name(column)} TO {self.exact(self.new_column(table))}",
            lambda: f"ALTER {self.maybe(0.5, 'COLUMN ')}{self.name(column)} " + self.one("DROP DEFAULT", "SET DEFAULT 1", "SET DEFAULT ('x')"),
            *[lambda: "ADD " + self.key(columns, geometries)] * 3,
            lambda: f"DROP {self.one('KEY', 'INDEX')} {exists}{quote(r.choice(keys))}",
            lambda: f"DROP {self.one('KEY', 'INDEX')} {exists}{quote(r.choice(keys))}",
            lambda: "DROP PRIMARY KEY",
            lambda: f"RENAME {self.one('KEY', 'INDEX')} {quote(r.choice(keys))} TO {self.exact(self.one(*COLUMNS))}",
            lambda: self.one("ENGINE=InnoDB", "ENGINE=MyISAM", "COMMENT 'y'", "ROW_FORMAT=DEFAULT", "FORCE"),
            lambda: self.one("", "DEFAULT ") + self.charset(True),
            lambda: f"ORDER BY {self.name(column)}",
            lambda: "ALGORITHM=COPY",
        ]
        if not self.mariadb:
            actions.append(lambda: f"ALTER COLUMN {self.name(column)} SET {self.one('VISIBLE', 'INVISIBLE')}")
        return r.choice(actions)()

    def conversions(self):
        return [*CHARSETS, "utf8mb4 COLLATE utf8mb4_unicode_ci"]

    def alter(self):
        table = self.table()
        actions = [self.alter_action(table) for _ in range(self.r.choice((1, 1, 1, 2, 2, 3, 4)))]
        # MySQL sizes a TEXT that is changed and converted at once by what no text tells.
        if self.r.random() < 0.1 and not any(a.startswith(("MODIFY", "CHANGE")) for a in actions):
            actions.append("CONVERT TO CHARACTER SET " + self.one(*self.conversions()))
        # MariaDB 10.11 leaves a table behind whose name has other letters.
        if self.r.random() < 0.06 and (not self.mariadb or re.fullmatch(r"[A-Za-z0-9_]+", table[1])):
            actions.append("RENAME " + self.one("TO ", "AS ", "") + self.table_name(self.new_table()))
        return f"{self.case('ALTER TABLE')} {self.table_name(table)}{self.space()}{(', ').join(actions)}"

    def rename(self):
        a, b = self.table(), self.table()
        if self.r.random() < 0.3 and a != b:
            return (f"RENAME TABLE {self.table_name(a)} TO tmp, {self.table_name(b)} TO {self.table_name(a)}, "
                    f"tmp TO {self.table_name(b)}")
        return f"RENAME TABLE {self.table_name(a)} TO {self.table_name(self.new_table())}"

    def geometries(self, table):
        # What MariaDB makes of prefixes of theirs follows no rule that a key's text tells; MySQL
        # sorts keys over generated columns by whether they are stored.
        found = self.types.get(table, {})
        return [c for c, kind in found.items() if re.search("point|geom|string|polygon|generated", kind)]

    def index(self):
        table = self.table()
        if self.r.random() < 0.4 and self.keys.get(table):
            return f"DROP INDEX {quote(self.r.choice(self.keys[table]))} ON {self.table_name(table)}"
        columns = [self.r.choice([c for c in self.tables.get(table, ()) if c not in self.geometries(table)] or ["a"])]
        body = ", ".join(self.exact(c) + self.one("", "", "(4)") for c in columns)
        return (f"CREATE {self.one('', 'UNIQUE ')}INDEX {self.exact(self.one(*COLUMNS))} ON "
                f"{self.table_name(table)} ({body})")

    def database(self):
        return self.one(
            f"ALTER DATABASE {quote(self.one(*DATABASES))} {self.charset(True)}",
            f"ALTER SCHEMA {self.charset(True)}",
            "DROP DATABASE IF EXISTS `DDL c`",
            f"CREATE DATABASE IF NOT EXISTS `DDL c` {self.maybe(0.5, self.charset(True))}",
        )

    def drop(self):
        return (f"DROP TABLE {self.maybe(0.3, 'IF EXISTS ')}{self.table_name(self.table())}"
                + self.maybe(0.2, ", " + self.table_name(self.table())))

    def statement(self):
        many = len(self.tables) > 10
        kinds = [self.create] * (2 if many else 12) + [self.alter] * 30 + [self.rename] * 2 + [self.index] * 4
        kinds += [self.drop] * (4 if many else 1) + [self.database]
        kinds += [lambda: f"TRUNCATE {self.table_name(self.table())}"]
        kinds += [lambda: "SET sql_mode = " + self.one("DEFAULT", "DEFAULT", "''")]
        return self.r.choice(kinds)()
