"""A real server and our catalogue side by side.

Every statement is run on the server; what the server wrote of it into its
binlog goes through ddl_tool, and then the tool's catalogue must be what
information_schema shows, line by line.
"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from lib import sql  # noqa: E402

DATABASES = ("ddl_a", "ddl_b", "DDL c")
MODES = {
    "REAL_AS_FLOAT": 0x1, "ANSI_QUOTES": 0x4, "ORACLE": 0x200, "NO_BACKSLASH_ESCAPES": 0x100000,
    "STRICT_TRANS_TABLES": 0x200000, "STRICT_ALL_TABLES": 0x400000,
}
TEMPORAL = ("time", "datetime", "timestamp")


def escape(text):
    for plain, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\0", "\\0")):
        text = text.replace(plain, escaped)
    return text


def unescape(text):
    names = {"t": "\t", "n": "\n", "0": "\0"}
    return re.sub(r"\\(.)", lambda m: names.get(m.group(1), m.group(1)), text, flags=re.S)


class Difference(Exception):
    """The catalogue is not what the server shows: of these tables, (database, table)."""

    def __init__(self, text, tables=()):
        super().__init__(text)
        self.tables = tables


class Tool:
    def __init__(self, program, mariadb, version, lower_case):
        self.process = subprocess.Popen(
            [program, "mariadb" if mariadb else "mysql", str(version), str(lower_case)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )

    def tell(self, *fields):
        line = "\t".join([fields[0]] + [escape(f) for f in fields[1:]]) + "\n"
        self.process.stdin.write(line.encode("utf-8", "surrogateescape"))

    def ask(self, *fields):
        self.tell(*fields)
        self.process.stdin.flush()
        lines = []
        while True:
            line = self.process.stdout.readline().decode("utf-8", "surrogateescape")
            if not line:
                raise Difference("ddl_tool ended, exit code %s" % self.process.wait())
            if line == ".\n":
                return lines
            lines.append(line.rstrip("\n"))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)


class Oracle:
    """One server. run() carries a statement out on both sides and compares."""

    def __init__(self, server, program):
        self.mariadb = server.mariadb
        self.connection = server.connect()
        self.watcher = server.connect()
        c = self.connection
        for name in DATABASES:
            c.run(f"DROP DATABASE IF EXISTS `{name}`")
        digits = re.match(r"(\d+)\.(\d+)\.(\d+)", c.one("SELECT VERSION()"))
        major, minor, patch = (int(g) for g in digits.groups())
        self.tool = Tool(program, self.mariadb, major * 10000 + minor * 100 + patch,
                         c.one("SELECT @@lower_case_table_names"))
        status = c.text("SHOW MASTER STATUS" if self.mariadb else "SHOW BINARY LOG STATUS")[0]
        self.file, self.position = status[0], int(status[1])
        self.statements = 0
        self.told = set()  # differences that were raised before
        # MariaDB sorts keys that are or were hashes by what has become of them in the frm, which
        # nothing shows: of the tables that had one the order of keys is not compared.
        self.hashed = set()
        self.shown_before = []
        self.columns_shown = {}
        self.types_shown = {}
        self.keys_shown = {}
        self.session()

    def close(self):
        for name in DATABASES:
            self.connection.run(f"DROP DATABASE IF EXISTS `{name}`")
        self.tool.close()
        self.connection.close()
        self.watcher.close()

    def session(self):
        """Tells the tool what a QUERY event, or the server, tells rowcast."""
        names = "@@sql_mode, @@explicit_defaults_for_timestamp, @@collation_server, @@default_storage_engine"
        if not self.mariadb:
            names += ", @@default_collation_for_utf8mb4"
        row = self.connection.text("SELECT " + names)[0]
        mode = 0
        for name in row[0].split(","):
            mode |= MODES.get(name, 0)
        self.tool.tell("V", "sql_mode", str(mode))
        self.tool.tell("V", "implicit_timestamp", "01"[row[1] in ("0", "OFF")])
        self.tool.tell("V", "server_collation", row[2])
        self.tool.tell("V", "engine", row[3])
        if not self.mariadb:
            self.tool.tell("V", "utf8mb4_collation", row[4])

    def events(self):
        """The statements in the binlog since the last call: (default database, text)."""
        found = []
        while True:
            rows = self.watcher.text(f"SHOW BINLOG EVENTS IN '{self.file}' FROM {self.position}")
            if not rows:
                return found
            self.position = int(rows[-1][4])
            for row in rows:
                if row[2] == "Query" and row[5] not in ("BEGIN", "COMMIT"):
                    found.append(self.statement(row[5]))
                elif row[2] == "Rotate":
                    self.file, self.position = row[5].split(";")[0], 4
            if rows[-1][2] != "Rotate":
                return found

    def statement(self, info):
        # Statements about databases come without "use", though their events have the database.
        database = self.connection.one("SELECT DATABASE()") or ""
        used = re.match(r"use `((?:[^`]|``)*)`; ", info)
        if used:
            database = used.group(1).replace("``", "`")
            info = info[used.end():]
        return database, re.sub(r" /\* xid=\d+ \*/$", "", info)

    def run(self, statement):
        """Returns what the tool said of each statement in the binlog. SqlError: the server refuses it."""
        word = statement.split(None, 1)[0].upper() if statement.split() else ""
        try:
            self.connection.run(statement)
        except sql.SqlError:
            # What is in the binlog of it all the same did something.
            self.tool.tell("V", "failed", "1")
            said = [(text, self.tool.ask("S", database, text)) for database, text in self.events()]
            self.tool.tell("V", "failed", "0")
            self.compare(said)
            raise
        if word in ("SET", "USE"):
            self.session()
            return []
        self.statements += 1
        said = []
        for database, text in self.events():
            if text == re.sub("[\U00010000-\U0010ffff]", "????", statement):
                text = statement  # MariaDB's SHOW BINLOG EVENTS knows no such characters
            answer = self.tool.ask("S", database, text)
            self.follow(answer)
            said.append((text, answer))
        self.compare(said)
        return said

    def follow(self, answer):
        """A table that had a hash is one that had, under a new name too."""
        for line in answer:
            fields = line.split("\t")
            if fields[:2] == ["E", "renamed"] and tuple(fields[4:6]) in self.hashed:
                self.hashed.add(tuple(fields[2:4]))

    def compare(self, said):
        # information_schema is utf8mb3, and shows "?" for what that cannot hold.
        ours = [re.sub("[\U00010000-\U0010ffff]", "?", line) for line in self.tool.ask("D")]
        theirs = self.shown()
        for lines in (ours, theirs):
            lines[:] = [self.without_order(line) for line in lines]
        mine, other = set(ours), set(theirs)
        odd = ["  catalogue only: " + line for line in ours if line not in other]
        odd += ["  server only:    " + line for line in theirs if line not in mine]
        new = [line for line in odd if line not in self.told]
        self.told.update(odd)
        before, self.shown_before = self.shown_before, theirs
        if new:
            lines = [f"  binlog: {text!r}\n  tool: {answer}" for text, answer in said]
            tables = {tuple(line.split("\t")[1:3]) for line in new}
            agreed = ["  both:           " + line for line in theirs
                      if line in mine and tuple(line.split("\t")[1:3]) in tables]
            was = ["  before:         " + line for line in before
                   if line[0] == "K" and tuple(line.split("\t")[1:3]) in tables]
            raise Difference("\n".join(lines + new + agreed + was),
                             [(unescape(database), unescape(name)) for database, name in tables])

    def without_order(self, line):
        fields = line.split("\t")
        if fields[0] == "K" and tuple(fields[1:3]) in self.hashed:
            fields[5] = "-"
        return "\t".join(fields)

    # -- what the server shows, in the tool's words ------------------------

    def shown(self):
        where = "TABLE_SCHEMA IN ('ddl_a','ddl_b','DDL c')"
        tables = self.watcher.text(
            "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_COLLATION, TABLE_TYPE FROM information_schema.TABLES "
            f"WHERE {where} AND TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED','SEQUENCE')"
        )
        names = {row[:2] for row in tables}
        lines = [
            "\t".join(["T"] + [escape(v or "") for v in row[:4]]
                      + [f"{int(row[4] == 'SYSTEM VERSIONED')}{int(row[4] == 'SEQUENCE')}"])
            for row in tables
        ]
        columns, types = {}, {}
        rows = self.watcher.text(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, DATA_TYPE, COLLATION_NAME, "
            f"DATETIME_PRECISION, IS_NULLABLE, EXTRA FROM information_schema.COLUMNS WHERE {where} "
            "ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
        )
        for row in rows:
            if row[:2] in names:
                place = columns.setdefault(row[:2], [])
                lines.append(self.column(row, len(place)))
                place.append(row[2])
                types.setdefault(row[:2], {})[row[2]] = row[4] + row[8].lower()
        self.columns_shown, self.types_shown = columns, types
        return lines + self.keys(where, columns)

    @staticmethod
    def column(row, at):
        database, table, name, kind, bare, collation, precision, nullable, extra = row
        if bare in TEMPORAL:
            kind = kind.split(" /* ")[0]
        generated = "VIRTUAL" in extra or "STORED GENERATED" in extra or "PERSISTENT" in extra
        flags = f"{int(nullable == 'YES')}{int(generated)}{int('INVISIBLE' in extra)}"
        return "\t".join(
            ["C", escape(database), escape(table), str(at), escape(name), escape(kind), bare, collation or "",
             precision or "0", flags]
        )

    def keys(self, where, columns):
        keys = {}
        rows = self.watcher.text(
            "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, INDEX_TYPE, NON_UNIQUE FROM "
            f"information_schema.STATISTICS WHERE {where} ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
        )
        for database, table, name, column, part, kind, plain in rows:
            if (database, table) not in columns:
                continue
            key = keys.setdefault((database, table), {}).setdefault(
                name, {"unique": plain == "0", "prefix": False, "hash": kind == "HASH", "parts": []})
            places = [c.lower() for c in columns[(database, table)]]
            key["prefix"] |= column is None or part is not None
            if column is not None:
                key["parts"].append(f"{places.index(column.lower())}:{part or 0}")
        self.keys_shown = keys
        lines = []
        for (database, table), named in keys.items():
            if self.mariadb and any(key["hash"] for key in named.values()):
                self.hashed.add((escape(database), escape(table)))
            order = self.order(database, table, named)
            for name, key in named.items():
                unique = key["unique"] and bool(key["parts"])
                lines.append("\t".join(
                    ["K", escape(database), escape(table), escape(name), "nu"[unique],
                     str(order[name] if unique else 0),
                     f"{int(name == 'PRIMARY')}{int(key['prefix'])}{int(key['hash'])}", ",".join(key["parts"])]))
        return lines

    def order(self, database, table, named):
        unique = [n for n, k in named.items() if k["unique"] and k["parts"]]
        if len(unique) > 1:
            rows = self.watcher.text(f"SHOW KEYS FROM `{database.replace('`', '``')}`.`{table.replace('`', '``')}`")
            unique = [n for n in dict.fromkeys(row[2] for row in rows) if n in unique]
        return {name: at for at, name in enumerate(unique)}
