"""Tables by the kind of their key, for the tests of the full copy.

A Kind makes the key of number n as SQL literals, the same ones each time, and for texts of a
collation that sees several spellings as one, other spellings of it. Keys lie where copies go
wrong: at the ends of a type, with gaps, below zero, with bytes that a padded comparison sorts
before the end of a shorter text.

`ordered` is true where rowcast knows the order of keys, and so sends a key's INIT before its later
changes: all but text in collations that are not _bin.
"""

import hashlib

BODY = "n INT NOT NULL, v BIGINT NOT NULL, body VARCHAR(200), spare INT"
STEMS = ["eau", "zebra", "Oslo", "a b", "nina", "_x", "uh", "cafe"]
ACCENTS = str.maketrans("aeioun", "áéíóúñ")
START = 946_684_800  # 2000-01-01 in seconds


def text(value):
    return f"_utf8mb4 x'{value.encode().hex()}'" if value else "''"


def binary(value):
    return f"x'{value.hex()}'" if value else "''"


class Kind:
    def __init__(self, name, columns, key, ordered, literals, spellings=None, more=""):
        self.name = name
        self.columns = columns  # definitions of the key columns
        self.key = key  # their names
        self.ordered = ordered
        self.literals = literals  # number -> SQL literals
        self.spellings = spellings  # number, dice -> literals of the same key
        self.more = more  # constraints

    def create(self, table=None):
        keys = ", ".join(self.key)
        more = self.more or f"PRIMARY KEY ({keys})"
        return f"CREATE TABLE {table or self.name} ({self.columns}, {BODY}, {more}) ENGINE=InnoDB"

    def values(self, n, dice=None):
        """The literals of n; with dice, in any of its spellings."""
        if dice is not None and self.spellings is not None:
            return self.spellings(n, dice)
        return self.literals(n)

    def where(self, n):
        return " AND ".join(f"{c}={v}" for c, v in zip(self.key, self.literals(n)))

    def where_any(self, numbers):
        columns = ", ".join(self.key)
        return f"({columns}) IN (" + ", ".join("(" + ", ".join(self.literals(n)) + ")" for n in numbers) + ")"

    def assignments(self, literals):
        return ", ".join(f"{c}={v}" for c, v in zip(self.key, literals))


def _auto(n):
    return [str(1 + n * 37 + n // 100 * 1_000_000)]


def _signed(n):
    return [str([-(2**63) + n, 2**63 - 1 - n, -n * 10**9, n * 10**12 + 7][n % 4])]


def _unsigned(n):
    return [str([n, 2**64 - 1 - n, 2**63 + n * 10**9][n % 3])]


def _decimal(n):
    return [["0.%010d" % n, "-%d.0000000001" % (n * 12345678901), "%d.5" % (10**19 + n)][n % 3]]


def _moment(n):
    k = n // 3
    return [f"'{1000 + k % 90 * 100}-{k % 12 + 1:02}-{k % 28 + 1:02} {k % 24:02}:{k % 60:02}:59.{k:06}'", str(n % 3 - 1)]


def _calendar(n):
    hours = n % 40 - 20
    day = n // 40
    return [f"'{1900 + day}-02-{day % 28 + 1:02}'", f"'{'-' if hours < 0 else ''}{abs(hours):02}:30:00.{n % 1000:03}'", str(1901 + n % 200)]


def _stamp(n):
    return [f"FROM_UNIXTIME({START + n * 200_003}.{n % 1000:03})"]


def _no_day(n):
    """Dates with parts of zero, which a strict session does not even compare with."""
    if n == 0:
        return ["'0000-00-00 00:00:00'"]
    return [f"'{['2024-00-00', '2024-05-00', '2023-00-17', '1999-12-31'][n % 4]} {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}'"]


def _bytes16(n):
    four = n.to_bytes(4, "big")
    if n % 5 == 0:
        return [binary(four + bytes(12))]
    if n % 7 == 0:
        return [binary(b"\xff" * 10 + four + bytes(2))]
    return [binary(hashlib.md5(four, usedforsecurity=False).digest())]


def _bytes(n):
    half = n // 2
    base = bytes([half % 251]) + half.to_bytes(2, "big")
    return [binary(base + (b"\0" if n % 2 else b""))]


def _text_bin(n):
    half = n // 2
    base = ["a", "ä", "😀", "Z", "", " x"][half % 6] + str(half)
    return [text(base + ("\x01" if n % 2 else ""))]


def _text_bin_spelled(n, dice):
    value = bytes.fromhex(_text_bin(n)[0].split("'")[1]).decode()
    return [text(value + " " * dice.choice([0, 0, 1, 3]))]  # compared with padding


def _stem(n):
    return f"{STEMS[n % len(STEMS)]}{n // 5:03}"


def _ci(n):
    return [text(_stem(n % 200)), str(n // 200 - 4)]


def _spell(value, dice, pad):
    return dice.choice([value, value.upper(), value.title(), value.translate(ACCENTS)]) + (dice.choice(["", "", " "]) if pad else "")


def _ci_spelled(n, dice):
    return [text(_spell(_stem(n % 200), dice, True)), str(n // 200 - 4)]


def _unique(n):
    return [f"'{'Q' if n % 2 else 'q'}{n // 7}~'", str(n % 7 - 3)]


KINDS = [
    Kind("k_auto", "id INT NOT NULL AUTO_INCREMENT", ["id"], True, _auto),
    Kind("k_ci", "name VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, part INT NOT NULL", ["name", "part"], False, _ci, _ci_spelled),
    Kind("k_bin16", "id BINARY(16) NOT NULL", ["id"], True, _bytes16),
    Kind("k_decimal", "id DECIMAL(30,10) NOT NULL", ["id"], True, _decimal),
    Kind("k_unique", "a INT NULL, code VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, x SMALLINT NOT NULL", ["code", "x"], True, _unique,
         more="UNIQUE KEY ua (a), UNIQUE KEY uc (code, x)"),
    Kind("k_signed", "id BIGINT NOT NULL", ["id"], True, _signed),
    Kind("k_text_bin", "id VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL", ["id"], True, _text_bin, _text_bin_spelled),
    Kind("k_moment", "at DATETIME(6) NOT NULL, seq TINYINT NOT NULL", ["at", "seq"], True, _moment),
    Kind("k_latin", "id CHAR(20) CHARACTER SET latin1 COLLATE latin1_swedish_ci NOT NULL", ["id"], False,
         lambda n: [text(_stem(n * 5))], lambda n, dice: [text(_spell(_stem(n * 5), dice, False))]),
    Kind("k_varbin", "id VARBINARY(40) NOT NULL", ["id"], True, _bytes),
    Kind("k_unsigned", "id BIGINT UNSIGNED NOT NULL", ["id"], True, _unsigned),
    Kind("k_default", "id VARCHAR(60) NOT NULL", ["id"], False,
         lambda n: [text(_stem(n * 5))], lambda n, dice: [text(dice.choice([str.lower, str.upper])(_stem(n * 5)))]),
    Kind("k_calendar", "d DATE NOT NULL, t TIME(3) NOT NULL, y YEAR NOT NULL", ["d", "t", "y"], True, _calendar),
    Kind("k_stamp", "id TIMESTAMP(3) NOT NULL DEFAULT '2001-01-01 00:00:00'", ["id"], True, _stamp),
    Kind("k_mixed", "a SMALLINT NOT NULL, b BIGINT UNSIGNED NOT NULL, c VARBINARY(9) NOT NULL", ["a", "b", "c"], True,
         lambda n: [str(n % 5 - 2), str(2**64 - 1 - n // 50), binary(bytes([n % 50]))]),
    Kind("k_enum", "kind ENUM('z','m','a') NOT NULL, num SMALLINT UNSIGNED NOT NULL", ["kind", "num"], True,
         lambda n: [f"'{'zma'[n % 3]}'", str(65535 - n)]),
    Kind("k_double", "id DOUBLE NOT NULL", ["id"], True, lambda n: [repr((n - 700) * 1.1e-3 * 10.0 ** (n % 9))]),
    Kind("k_bits", "id BIT(33) NOT NULL", ["id"], True, lambda n: [str(2**33 - 1 - n * 1001)]),
    Kind("k_no_day", "id DATETIME NOT NULL", ["id"], True, _no_day),
    Kind("k_float", "id FLOAT NOT NULL", ["id"], True, lambda n: [repr((n - 700) / 10)]),
    Kind("k_set", "flags SET('a','b','c') NOT NULL, u SMALLINT UNSIGNED NOT NULL", ["flags", "u"], True, lambda n: [str(n % 8), str(n)]),
    Kind("k_medium", "id MEDIUMINT NOT NULL", ["id"], True, lambda n: [str(-(2**23) + n * 3 + (n > 500) * 10**7)]),
]


def pick(seed, count=5):
    """Kinds for a seed: those of one seed differ, and few seeds go through all of them."""
    return [KINDS[(seed * count + i) % len(KINDS)] for i in range(count)]
