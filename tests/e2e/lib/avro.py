"""Reading DTS Avro back, with a library that is not ours.

    records = read_records(kafka.brokers, topic)     a list of Record
    fold = AvroFold().add_all(records)               the rows that they add up to
    fold.rows(connection, database, table)           as texts, in the way of Canal JSON

The schema is tests/e2e/lib/dts_record.avsc. Every datum must use up all of its
bytes.
"""

import io
import json
import os
import struct
import subprocess
import sys

from .messages import KCAT_FAST, partition_counts


def _library():
    """fastavro, from where scripts/setup puts it."""
    try:
        import fastavro
    except ImportError:
        cache = os.environ.get("ROWCAST_CACHE") or os.path.join(
            os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "rowcast")
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        sys.path.append(os.path.join(cache, "python", "lib", version, "site-packages"))
        import fastavro
    return fastavro


fastavro = _library()

SCHEMA_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dts_record.avsc")
with open(SCHEMA_FILE, encoding="utf-8") as _file:
    SCHEMA_TEXT = _file.read()
SCHEMA = fastavro.parse_schema(json.loads(SCHEMA_TEXT))
PREFIX = "com.alibaba.dts.formats.avro."


def canonical(text):
    """A schema without what readers do not look at."""
    return fastavro.schema.to_parsing_canonical_form(fastavro.parse_schema(json.loads(text)))


class Record:
    """One message: where it is, its frame (b"" or five bytes) and what it says."""

    def __init__(self, partition, offset, key, value, framed=False):
        self.partition, self.offset, self.key = partition, offset, key
        self.frame, datum = (value[:5], value[5:]) if framed else (b"", value)
        source = io.BytesIO(datum)
        self.says = fastavro.schemaless_reader(source, SCHEMA, return_record_name=True)
        if source.tell() != len(datum):
            raise AssertionError(f"{len(datum) - source.tell()} bytes behind the record of {key}")

    @property
    def operation(self):
        return self.says["operation"]

    @property
    def names(self):
        return [f["name"] for f in self.says["fields"]]

    def image(self, which):
        """Column name to value: None, or (branch, what it holds)."""
        values = self.says[f"{which}Images"]
        if values is None:
            return None
        if len(values) != len(self.says["fields"]):
            raise AssertionError(f"{len(values)} values of {len(self.says['fields'])} fields: {self}")
        return dict(zip(self.names, (branch(v) for v in values)))

    def __repr__(self):
        return f"{self.partition}@{self.offset} {self.key} {str(self.says)[:600]}"


def branch(value):
    if value is None or isinstance(value, str):  # NULL, or the symbol of EmptyObject
        return value if value is None else ("EmptyObject", value)
    name, held = value
    return name.removeprefix(PREFIX), held


def read_records(brokers, topic, framed=False, timeout=120):
    """Every record of a topic, by partition and offset; none when there is no such topic."""
    if topic not in partition_counts(brokers):
        return []
    done = subprocess.run(
        ["kcat", "-b", brokers, "-C", "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p %o %K %S\n%k%s\n", *KCAT_FAST],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
    )
    if done.returncode != 0:
        raise RuntimeError(f"kcat: {done.stderr.decode(errors='replace').strip()}")
    records, at, data = [], 0, done.stdout
    while at < len(data):
        line = data.index(b"\n", at)
        partition, offset, key_len, value_len = (int(n) for n in data[at:line].split())
        begin = line + 1 + max(key_len, 0)
        key = data[line + 1:begin].decode() if key_len >= 0 else None
        records.append(Record(partition, offset, key, data[begin:begin + value_len], framed))
        at = begin + value_len + 1
    return sorted(records, key=lambda r: (r.partition, r.offset))


# --- values as Canal JSON's texts, so that both formats are held against the server alike ---

NUMBERS = {
    "tinyint": 1, "smallint": 2, "int": 3, "float": 4, "double": 5, "timestamp": 7, "bigint": 8, "mediumint": 9,
    "date": 10, "time": 11, "datetime": 12, "year": 13, "bit": 16, "json": 245, "decimal": 246, "enum": 247, "set": 248,
    "tinyblob": 249, "tinytext": 249, "mediumblob": 250, "mediumtext": 250, "longblob": 251, "longtext": 251,
    "blob": 252, "text": 252, "vector": 252, "varchar": 253, "varbinary": 253, "char": 254, "binary": 254,
    "uuid": 254, "inet4": 254, "inet6": 254,
}
NUMBERS.update(dict.fromkeys(["geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
                              "geometrycollection", "geomcollection"], 255))
BYTES_OF = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8}
PYTHON_NAME = {"utf8mb4": "utf-8", "utf8mb3": "utf-8", "binary": "latin-1", "latin1": "cp1252"}


def _java(number):
    text = repr(number).replace("e", "E").replace("E+", "E")
    if "E" in text and "." not in text:
        text = text.replace("E", ".0E")
    return text


def _fraction(micros, digits):
    return f".{micros:06d}"[: digits + 1] if digits else ""


def _time(v, digits):
    parts = [v["hour"], v["minute"], v["second"], v["millis"]]
    hour, minute, second, micros = (abs(p) for p in parts)
    sign = "-" if any(p < 0 for p in parts) else ""
    if sign and any(p > 0 for p in parts):
        raise AssertionError(f"parts of both signs: {v}")
    return f"{sign}{hour:02d}:{minute:02d}:{second:02d}{_fraction(micros, digits)}"


def _check_parts(v, present):
    for part in ("year", "month", "day", "hour", "minute", "second", "millis"):
        if (v[part] is not None) != (part in present):
            raise AssertionError(f"a DateTime of {present} with {v}")


def _date_time(kind, v, digits):
    day = ("year", "month", "day")
    clock = ("hour", "minute", "second", "millis")
    _check_parts(v, {"year": day[:1], "date": day, "time": clock, "datetime": day + clock}[kind])
    if kind == "year":
        return f"{v['year']:04d}"
    if kind == "time":
        return _time(v, digits)
    date = f"{v['year']:04d}-{v['month']:02d}-{v['day']:02d}"
    return date if kind == "date" else f"{date} {_time(v, digits)}"


def _timestamp(v, digits):
    import datetime

    if v["timestamp"] == 0 and v["millis"] == 0:
        return "0000-00-00 00:00:00" + _fraction(0, digits)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=v["timestamp"])
    return f"{moment:%Y-%m-%d %H:%M:%S}".rjust(19, "0") + _fraction(v["millis"], digits)


def _decimal(v):
    from decimal import Decimal

    number = Decimal(v["value"]).as_tuple()
    digits = len("".join(map(str, number.digits)).lstrip("0")) or 1
    if (v["precision"], v["scale"]) != (digits, -number.exponent):
        raise AssertionError(f"precision and scale of {v}")
    return v["value"]


class Column:
    """What the server says about a column, and how its values must look."""

    def __init__(self, name, kind, full, digits, charset):
        self.name, self.kind, self.full = name, kind.lower(), full
        self.digits = int(digits or 0)
        self.charset = charset

    def want(self, value, *branches):
        if value[0] not in branches:
            raise AssertionError(f"{self.name} {self.full}: {value[0]}, not {branches}")
        return value[1]

    def text(self, value):
        kind = self.kind
        if value is None:
            return None
        if kind in BYTES_OF or kind == "bit":
            v = self.want(value, "Integer")
            size = BYTES_OF.get(kind) or (int(self.full[4:-1]) + 7) // 8
            if v["precision"] != size:
                raise AssertionError(f"{self.full}: precision {v['precision']}")
            return v["value"]
        if kind == "decimal":
            return _decimal(self.want(value, "Decimal"))
        if kind in ("float", "double"):
            v = self.want(value, "Float")
            if (v["precision"], v["scale"]) != (8, 15):
                raise AssertionError(f"Float with {v}")
            if kind == "float" and struct.unpack("<f", struct.pack("<f", v["value"]))[0] != v["value"]:
                raise AssertionError(f"no FLOAT: {v}")
            return _java(v["value"])
        if kind == "timestamp":
            return _timestamp(self.want(value, "Timestamp"), self.digits)
        if kind in ("year", "date", "time", "datetime"):
            return _date_time(kind, self.want(value, "DateTime"), self.digits)
        return self._text_or_bytes(value)

    def _text_or_bytes(self, value):
        kind, number = self.kind, NUMBERS.get(self.kind)
        if number == 255:
            v = self.want(value, "BinaryGeometry")
            assert v["type"] == "WKB", v
            return "\0\0\0\0" + v["value"].decode("latin-1")  # the number of the reference system
        if kind in ("enum", "set", "json"):
            v = self.want(value, "TextObject")
            assert v["type"] == kind.upper(), v
            return v["value"]
        if kind in ("uuid", "inet4", "inet6"):
            v = self.want(value, "Character")
            assert v["charset"] == "utf8mb4", v
            return v["value"].decode()
        if kind.endswith("text"):
            v = self.want(value, "BinaryObject")
            assert v["type"] == "TEXT", v
            return v["value"].decode(PYTHON_NAME[self.charset])
        if kind.endswith("blob") or kind == "vector":
            v = self.want(value, "BinaryObject")
            assert v["type"] == "BLOB", v
            return v["value"].decode("latin-1")
        v = self.want(value, "Character")
        assert v["charset"] == (self.charset or "binary"), v
        return v["value"].decode(PYTHON_NAME[v["charset"]] if self.charset else "latin-1")


def columns_of(connection, database, table):
    return [
        Column(*row)
        for row in connection.text(
            "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, DATETIME_PRECISION, CHARACTER_SET_NAME FROM information_schema.COLUMNS"
            f" WHERE TABLE_SCHEMA='{database}' AND TABLE_NAME='{table}' ORDER BY ORDINAL_POSITION")
    ]


class AvroFold:
    """The rows by table and record key; each change must find what it says was there."""

    def __init__(self):
        self.tables = {}
        self.numbers = {}
        self.highest = {}

    def add_all(self, records):
        for record in records:
            self.add(record)
        return self

    def add(self, r):
        number = r.says["id"]
        if number <= self.highest.get(r.partition, 0):
            raise AssertionError(f"id {number} after {self.highest[r.partition]}: {r}")
        self.highest[r.partition] = number
        rows = self.tables.setdefault(r.says["objectName"], {})
        self.numbers[r.says["objectName"]] = {f["name"]: f["dataTypeNumber"] for f in r.says["fields"]}
        before, after = r.image("before"), r.image("after")
        if ({"INSERT": (False, True), "INIT": (False, True), "UPDATE": (True, True), "DELETE": (True, False)}[r.operation]
                != (before is not None, after is not None)):
            raise AssertionError(f"images of {r}")
        if before is None and r.key in rows:
            raise AssertionError(f"a row that is there already: {r}")
        if before is not None and rows.get(r.key) != before:
            raise AssertionError(f"another row was there before: {r}\n{rows.get(r.key)}\n{before}")
        rows.pop(r.key, None)
        if after is not None:
            rows[r.key] = after

    def rows(self, connection, database, table):
        """Rows as texts, each checked against its column's type on the way."""
        columns = columns_of(connection, database, table)
        name = f"{database}.{table}"
        wanted = {c.name: NUMBERS[c.kind] for c in columns}
        if self.numbers.get(name, wanted) != wanted:
            raise AssertionError(f"dataTypeNumber of {name}: {self.numbers[name]}, not {wanted}")
        return [{c.name: c.text(row[c.name]) for c in columns} for row in self.tables.get(name, {}).values()]

