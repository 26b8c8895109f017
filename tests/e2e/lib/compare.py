"""Compares folded rows with what the server itself selects, cell by cell.

Texts are held against the server's own text. FLOAT and DOUBLE are compared as
numbers of their width, BIT as a number, binary bytes as Latin-1. The zeros
that ZEROFILL shows are no part of a value.
"""

import struct

FLOATS = {"float", "double"}
INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint"}
BINARY = {
    "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector",
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
    "multipolygon", "geometrycollection", "geomcollection",
}


class Columns(list):
    """Of a table, in order: (name, data_type)."""

    @classmethod
    def read(cls, connection, database, table):
        rows = connection.text(
            "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"
            f" WHERE TABLE_SCHEMA='{database}' AND TABLE_NAME='{table}' ORDER BY ORDINAL_POSITION"
        )
        return cls((name, kind.lower()) for name, kind in rows)


def _select(columns, database, table):
    # FLOAT prints six digits; as DOUBLE it prints all of them.
    widened = {kind: "{}*1e0" for kind in FLOATS} | {kind: "{}+0" for kind in INTEGERS | {"decimal"}}
    cells = [widened.get(kind, "{}").format(f"`{name}`") for name, kind in columns]
    return f"SELECT {', '.join(cells)} FROM `{database}`.`{table}`"


def _is_float(text):
    """Java's spelling of a number: a point with digits at both sides, capital E."""
    try:
        float(text)
    except ValueError:
        return False
    mantissa = text.split("E")[0]
    return "." in mantissa and "e" not in text and "+" not in text


def _same_float(kind, text, wanted):
    if not _is_float(text):
        return False
    if kind == "double":
        return struct.pack("<d", float(text)) == struct.pack("<d", float(wanted))
    return struct.pack("<f", float(text)) == struct.pack("<f", float(wanted))


def same_cell(kind, text, raw):
    """Whether a message's text (or None) says what the server's bytes (or None) say."""
    if text is None or raw is None:
        return text is None and raw is None
    if kind in FLOATS:
        return _same_float(kind, text, raw.decode())
    if kind == "bit":
        return text == str(int.from_bytes(raw, "big"))
    if kind in BINARY:
        return text == raw.decode("latin-1")
    return text == raw.decode("utf-8")


def _sortable(kind, value, raw):
    """A form in which both sides of a keyless table sort alike."""
    if value is None:
        return (0, "")
    if kind in FLOATS:
        number = float(value.decode() if raw else value)
        return (1, repr(struct.unpack("<f", struct.pack("<f", number))[0] if kind == "float" else number))
    if not raw:
        return (1, value)
    if kind == "bit":
        return (1, str(int.from_bytes(value, "big")))
    return (1, value.decode("latin-1" if kind in BINARY else "utf-8"))


def differences(connection, database, table, rows, limit=8, where="true"):
    """Sentences about what differs between the table (its rows that pass) and the folded rows; none when equal."""
    columns = Columns.read(connection, database, table)
    selected = connection.run(f"{_select(columns, database, table)} WHERE {where}")
    found = []
    if len(selected) != len(rows):
        found.append(f"{database}.{table} has {len(selected)} rows, the messages add up to {len(rows)}")
    wanted = sorted(selected, key=lambda r: [_sortable(k, v, True) for (_, k), v in zip(columns, r)])
    names = [name for name, _ in columns]
    folded = sorted(rows, key=lambda r: [_sortable(k, r.get(n), False) for n, k in columns])
    for row, raw in zip(folded, wanted):
        if list(row) != names:
            found.append(f"{database}.{table}: columns are {list(row)}, not {names}")
        for (name, kind), cell in zip(columns, raw):
            if name in row and not same_cell(kind, row[name], cell):
                shown = cell if cell is None else cell[:200]
                found.append(f"{database}.{table}.{name} ({kind}): {str(row[name])[:200]!r}, but the server says {shown!r}")
        if len(found) >= limit:
            break
    return found[:limit]
