"""Folds the messages of a full copy with the stream beside it.

Beyond what Fold checks of each message: INIT rows have numbers of their own range; no key goes
back to an older value, by the version v that lib/writers.py puts into each row; and, where the
task was never ended in between (strict), a chain without a gap: an UPDATE or DELETE says of the
row what is known of it, INIT of a key that the stream has named already is the row as it stands,
and comes not at all where the key's order is known (`ordered` tables).

A key's first message may be an UPDATE or a DELETE: what changes inside a chunk's window takes the
place of the chunk's row.
"""

import json

from .fold import Fold, FoldError

INIT_BIT = 1 << 52


class CopyFold(Fold):
    """
    strict      nothing was repeated: no kill, no definition that changed
    ordered     names of tables whose INIT rows come before all changes of their keys
    alias       old name of a table by its new one, where it was renamed on the way
    truncated   versions by owner that the sessions had come to when a table was truncated
    """

    def __init__(self, strict=True, ordered=(), alias=None, truncated=None, version="v"):
        super().__init__()
        self.strict = strict
        # What a run dropped, since its range was not opened yet, a replay may send: the range may
        # have been opened earlier on the way.
        self.grows = strict
        self.ordered = set(ordered)
        self.alias = alias or {}
        self.truncated = truncated or {}
        self.version = version
        self.last = {}  # by key: (version, whether deleted)
        self.inits = 0
        self.changes = 0
        self.passed = set()  # (partition, table) that show a version from after the TRUNCATE

    def number_range(self, message):
        return "init" if message.change["type"] == "INIT" else "stream"

    def check_number(self, message):
        number, init = message.change["id"], message.change["type"] == "INIT"
        if bool(number & INIT_BIT) != init or number >= INIT_BIT * 2:
            raise FoldError(f"id {number} is of the other range: {message}")

    def _apply(self, message):
        self.check_place(message)
        self.check_number(message)
        change = message.change
        table = self.alias.get(change["table"], change["table"])
        name = f"{change['database']}.{table}"
        key = json.dumps([change["database"], table, *json.loads(message.key)[2:]])
        data = change["data"][0]
        rows = self.rows.setdefault(name, {})
        self.inits += change["type"] == "INIT"
        self.changes += change["type"] != "INIT"
        before = self.last.get(key)
        if self.version in data and "n" in data:
            self.check_version(message, table, before)
            self.last[key] = (int(data[self.version]), change["type"] == "DELETE")
        if self.strict:
            self.check_chain(message, table, rows.get(key), before is not None)
        if change["type"] == "DELETE":
            rows.pop(key, None)
        else:
            rows[key] = data

    def check_version(self, message, table, before):
        now = (int(message.change["data"][0][self.version]), message.change["type"] == "DELETE")
        if before is not None and now < before:
            raise FoldError(f"goes back from version {before}: {message}")
        if table in self.truncated and not now[1]:
            place = (message.partition, table)
            if not self.truncated_away(table, message.change["data"][0]):
                self.passed.add(place)
            elif place in self.passed:
                raise FoldError(f"a row from before the TRUNCATE after one from behind it: {message}")

    def truncated_away(self, table, row):
        """Whether the table was truncated after this version of the row."""
        versions = self.truncated.get(table)
        return versions is not None and int(row["v"]) <= versions[int(row["n"]) % len(versions)]

    def check_chain(self, message, table, row, known):
        change = message.change
        data, kind = change["data"][0], change["type"]
        if kind == "INIT":
            if known and table in self.ordered:
                raise FoldError(f"INIT after another message of its key: {message}\n{row}")
            if known and row != data:
                raise FoldError(f"INIT is not the row as it stands: {message}\n{row}")
        elif kind == "INSERT":
            if row is not None:
                raise FoldError(f"INSERT of a row that is there: {message}\n{row}")
        elif known and row is None:
            raise FoldError(f"{kind} of a row that is not there: {message}")
        elif row is not None:
            self._same(data if kind == "DELETE" else {**data, **change["old"][0]}, row, message)

    def _apply_keyless(self, message):
        self.check_number(message)
        self.inits += message.change["type"] == "INIT"
        super()._apply_keyless(message)

    def remaining(self, name):
        """The rows of DATABASE.TABLE, without those that a TRUNCATE took."""
        table = name.split(".", 1)[1]
        return [row for row in self.table(name) if not self.truncated_away(table, row)]
