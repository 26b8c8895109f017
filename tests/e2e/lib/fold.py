"""Folds messages into the rows that they add up to, and checks them on the way.

What is checked of every message: it is compact JSON with its members in
order; within a partition ids grow from one first appearance to the next; a
message that comes again is the one that came before (but for `ts`); a key
stays in one partition; INSERT finds no row, UPDATE and DELETE find the row that
they say was there. So a change that is missing in the middle shows, too.
"""

import json
from collections import Counter

MEMBERS = {
    "INSERT": ["data", "database", "es", "id", "isDdl", "mysqlType", "old", "pkNames", "sql", "sqlType", "table", "ts", "type"],
    "UPDATE": ["data", "database", "es", "id", "isDdl", "mysqlType", "old", "pkNames", "sql", "sqlType", "table", "ts", "type"],
    "INIT": ["data", "database", "es", "id", "isDdl", "mysqlType", "old", "pkNames", "sql", "sqlType", "table", "ts", "type"],
    "DELETE": ["data", "database", "es", "id", "isDdl", "mysqlType", "pkNames", "sql", "sqlType", "table", "ts", "type"],
}


class FoldError(AssertionError):
    pass


def check_form(message):
    """What every message has, whatever it says."""
    change = message.change
    members = [m for m in change if m != "gtid"]
    if members != MEMBERS.get(change.get("type")):
        raise FoldError(f"members are {list(change)}: {message}")
    if "gtid" in change and list(change) != sorted(change):
        raise FoldError(f"members are not in order: {message}")
    if json.dumps(change, ensure_ascii=False, separators=(",", ":")) != message.value:
        raise FoldError(f"not compact JSON as it should be: {message}")
    if len(change["data"]) != 1 or change["isDdl"] is not False or change["sql"] != "":
        raise FoldError(f"not one row: {message}")
    images = change["data"] + (change.get("old") or [])
    for value in (v for image in images for v in image.values()):
        if value is not None and not isinstance(value, str):
            raise FoldError(f"a value that is no text: {message}")
    if change["type"] in ("INSERT", "INIT") and change["old"] is not None:
        raise FoldError(f"old of an {change['type']}: {message}")
    if change["type"] == "UPDATE" and len(change["old"]) != 1:
        raise FoldError(f"old of an UPDATE: {message}")


def content(message):
    """All but the time of encoding."""
    change = dict(message.change)
    del change["ts"]
    return message.partition, message.key, json.dumps(change)


class Fold:
    """State by table: rows by record key, and a multiset of rows where there is no key."""

    def __init__(self, partial=False):
        self.partial = partial  # row images may lack columns
        self.grows = True  # ids do, from one first appearance to the next
        self.rows = {}
        self.keyless = {}
        self.seen = {}
        self.repeats = 0
        self.partition_of = {}
        self.highest = {}

    def table(self, name):
        """The rows of DATABASE.TABLE as a list of objects."""
        keyed = [row for row in self.rows.get(name, {}).values()]
        return keyed + [dict(items) for items in self.keyless.get(name, Counter()).elements()]

    def add_all(self, messages):
        for message in messages:
            self.add(message)
        return self

    def add(self, message):
        check_form(message)
        number = message.change["id"]
        place = (message.topic, message.partition, self.number_range(message))
        if number in self.seen:
            if self.seen[number] != content(message):
                raise FoldError(f"id {number} was another change before:\n{self.seen[number]}\n{message}")
            self.repeats += 1
            return
        if self.grows and number <= self.highest.get(place, -1):
            raise FoldError(f"id {number} after {self.highest[place]} in {place}: {message}")
        self.highest[place] = number
        self.seen[number] = content(message)
        if message.key is None:
            self._apply_keyless(message)
        else:
            self._apply(message)

    def number_range(self, message):
        """Numbers grow within a range."""
        return ""

    def check_place(self, message):
        """Whether the key is of the message's table, and in the partition where it was before."""
        change = message.change
        if json.loads(message.key)[:2] != [change["database"], change["table"]]:
            raise FoldError(f"key of another table: {message}")
        before = self.partition_of.setdefault((message.topic, message.key), message.partition)
        if before != message.partition:
            raise FoldError(f"key was in partition {before} before: {message}")

    def _apply(self, message):
        self.check_place(message)
        change = message.change
        name = f"{change['database']}.{change['table']}"
        rows = self.rows.setdefault(name, {})
        row = rows.get(message.key)
        data = change["data"][0]
        if change["type"] == "INSERT":
            if row is not None:
                raise FoldError(f"INSERT of a row that is there: {message}\n{row}")
            rows[message.key] = data
            return
        if row is None:
            raise FoldError(f"{change['type']} of a row that is not there: {message}")
        if change["type"] == "DELETE":
            self._same(data, row, message)
            del rows[message.key]
            return
        # A partial image's data may hold values that are new and have no old ones beside them.
        self._same(change["old"][0] if self.partial else {**data, **change["old"][0]}, row, message)
        for column, value in change["old"][0].items():
            if data.get(column, (None, column)) == value:
                raise FoldError(f"old names {column}, which did not change: {message}")
        rows[message.key] = {**row, **data} if self.partial else data

    def _same(self, said, row, message):
        """Whether what a message says was there before is what was there; columns that DDL
        added or dropped since are not compared."""
        for column, value in said.items():
            if column in row and row[column] != value:
                raise FoldError(f"column {column} was {row[column]!r} before, not {value!r}: {message}")
        if not self.partial and not set(row) & set(said):
            raise FoldError(f"no column in common with {row}: {message}")

    def _apply_keyless(self, message):
        change = message.change
        bag = self.keyless.setdefault(f"{change['database']}.{change['table']}", Counter())
        data = change["data"][0]
        if change["type"] in ("UPDATE", "DELETE"):
            old = data if change["type"] == "DELETE" else {**data, **change["old"][0]}
            items = tuple(old.items())
            if bag[items] == 0:
                raise FoldError(f"{change['type']} of a row that is not there: {message}")
            bag[items] -= 1
        if change["type"] != "DELETE":
            bag[tuple(data.items())] += 1
