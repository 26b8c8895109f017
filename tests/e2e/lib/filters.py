"""Conditions, and a table with every type, for holding our filter against the server's WHERE."""

import random

UCA = {"mysql": "utf8mb4_0900_ai_ci", "mariadb": "utf8mb4_uca1400_ai_ci"}

# name: (type, collation, values as SQL)
INTS = {
    "ti": ("tinyint", [-128, 127, 0, 1, -1, 5]),
    "tu": ("tinyint unsigned", [0, 255, 1, 128, 5, 10]),
    "si": ("smallint", [-32768, 32767, 0, 7, -7, 100]),
    "mi": ("mediumint unsigned", [0, 16777215, 42, 1, 5, 1000]),
    "i": ("int", [-2147483648, 2147483647, 0, 1, 10, -3]),
    "iu": ("int unsigned not null", [0, 4294967295, 2147483648, 1, 10, 3]),
    "b": ("bigint", [-(2**63), 2**63 - 1, 0, 1, -1, 9007199254740993, 9007199254740992]),
    "bu": ("bigint unsigned", [0, 2**64 - 1, 2**63, 1, 9007199254740993, 12]),
}
REALS = {
    "f": ("float", ["0.1", "-0.5", "1e10", "0", "16777216", "3.25"]),
    "d": ("double", ["0.1", "1e308", "-1e-300", "0", "2.5", "9007199254740993", "-7"]),
}
DECIMALS = {
    "de": ("decimal(10,2)", ["0.00", "10.50", "-10.50", "99999999.99", "0.01", "3", "-3.25"]),
    "dl": ("decimal(65,30)", ["0", "1.5", "-1.5", "12345678901234567890123456789012345." + "9" * 30, "0." + "0" * 29 + "1", "3.1"]),
    "di": ("decimal(20,0)", ["0", "9007199254740993", "-5", "12345678901234567890", "10"]),
}
TIMES = {
    "dt": ("date", ["'2024-01-31'", "'1000-01-01'", "'9999-12-31'", "'2020-02-29'", "'2024-02-01'", "'0000-00-00'"]),
    "dtm": ("datetime", ["'2024-01-31 10:11:12'", "'2024-01-31'", "'1999-12-31 23:59:59'", "'9999-12-31 23:59:59'"]),
    "dt6": ("datetime(6)", ["'2024-01-31 10:11:12.000001'", "'2024-01-31 10:11:12'", "'2001-01-01 00:00:00.5'"]),
    "ts": ("timestamp null default null", ["'2024-01-31 10:11:12'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"]),
    "t0": ("time", ["'10:11:12'", "'-838:59:59'", "'838:59:59'", "'00:00:00'", "'-00:00:01'"]),
    "t3": ("time(3)", ["'10:11:12.5'", "'10:11:12'", "'-01:02:03.456'"]),
}
OTHERS = {
    "y": ("year", ["2024", "1901", "2155", "0", "1999", "2000"]),
    "bi": ("bit(8)", ["b'0'", "b'11111111'", "b'1'", "b'1010'"]),
    "b64": ("bit(64)", ["0", str(2**64 - 1), "5"]),
}
WORDS = ["", "a", "A", "abc", "ABC", "Abc", "abc ", " abc", "b", "aB", "z", "Z_z", "10", "9", "10.0", "1e1", "a%b", "a_b", "a\\b",
         "it's", "foo bar", "[x]", "_", "~", "{}", "^", "ab", "abcd", "paid", "sent"]
WIDE = ["é", "E", "ä", "a\u0308", "straße", "STRASSE", "ß", "ſ", "Ω", "日本", "é ", "tab\t", "nul\x01x", "😀", "ÀB", "Ïx"]
LATIN = ["é", "ä", "straße", "ß", "É", "Ü", "ÿ", "ab\t"]
BYTES = ["x''", "x'61'", "x'41'", "x'610000'", "x'ff00'", "x'616263'", "x'00'"]

CHARS = {
    "c": ("char(12)", "utf8mb4_general_ci", WORDS + WIDE),
    "v": ("varchar(40)", "utf8mb4_general_ci", WORDS + WIDE),
    "vb": ("varchar(40)", "utf8mb4_bin", WORDS + WIDE),
    "vu": ("varchar(40)", "utf8mb4_unicode_ci", WORDS + WIDE),
    "v9": ("varchar(40)", "UCA", WORDS + WIDE),
    "vl": ("varchar(40)", "latin1_swedish_ci", WORDS + LATIN),
    "lb": ("varchar(40)", "latin1_bin", WORDS + LATIN),
    "tx": ("text", "utf8mb4_general_ci", WORDS + WIDE),
    "g7": ("varchar(20)", "latin1_german1_ci", WORDS + LATIN),
}
BINARIES = {"vn": ("varbinary(20)", BYTES), "bn": ("binary(3)", ["x'61'", "x'616263'", "x''", "x'ff'"]), "bl": ("blob", BYTES)}
LABELS = {
    "en": ("enum('paid','sent','new','','Z')", "utf8mb4_general_ci", ["'paid'", "'sent'", "'new'", "''", "'Z'"]),
    "se": ("set('a','b','c')", "utf8mb4_general_ci", ["''", "'a'", "'a,b'", "'a,b,c'", "'c'"]),
}
NULLABLE = "js"


def quote(text):
    return "convert(x'" + text.encode().hex() + "' using utf8mb4)" if text else "''"


class Table:
    """Every type, with rows of edge values and NULLs."""

    def __init__(self, kind):
        self.kind = kind
        self.columns = {}  # name: (definition, collation, values)
        for group in (INTS, REALS, DECIMALS, TIMES, OTHERS, BINARIES):
            for name, (definition, values) in group.items():
                self.columns[name] = (definition, "", [str(v) for v in values])
        for name, (definition, collation, values) in CHARS.items():
            collation = UCA[kind] if collation == "UCA" else collation
            self.columns[name] = (definition, collation, [quote(v) for v in values])
        for name, (definition, collation, values) in LABELS.items():
            self.columns[name] = (definition, collation, values)
        self.columns["js"] = ("json", "", ["'{}'", "'[1]'"])

    def create(self):
        parts = ["id int primary key"]
        for name, (definition, collation, _) in self.columns.items():
            if collation:
                charset = collation.split("_")[0]
                definition += f" character set {charset} collate {collation}"
            parts.append(f"{name} {definition}")
        return f"create table t ({', '.join(parts)})"

    def inserts(self, rows, seed):
        r = random.Random(seed)
        for at in range(rows):
            values = [str(at)]
            for name, (definition, _, pool) in self.columns.items():
                null = "not null" not in definition and r.random() < 0.12
                values.append("null" if null else pool[at] if at < len(pool) else r.choice(pool))
            yield f"insert into t values ({', '.join(values)})"

    def select(self, name):
        """The text of a cell, for a result in text."""
        if name in CHARS or name in BINARIES:
            return f"hex({name})"
        if name in OTHERS or name in LABELS:
            return f"{name}+0"
        if name in REALS:
            return f"{name}+0e0"
        return name


def written():
    """At least 300 conditions that were thought of."""
    out = []
    ints = ["0", "1", "-1", "5", "127", "255", "2147483648", "-2147483649", "9223372036854775807", "9223372036854775808",
            "18446744073709551615", "1.0", "1.5", "-0.5", "1e0", "1e19", "'1'", "'1.5'", "'abc'", "'10 '", "x'05'", "true", "null",
            "'9007199254740993'", "9007199254740993", "9007199254740992.5", "0x0A", "b'101'"]
    for name in INTS:
        out += [f"{name} = {v}" for v in ints]
    for name in ("i", "bu", "b"):
        out += [f"{name} {op} {v}" for op in ("<", ">=", "<>", "<=>") for v in ("0", "1", "-1", "1.5", "'1'", "null", "9007199254740992")]
    for name in DECIMALS:
        out += [f"{name} {op} {v}" for op in ("=", "<", ">=") for v in ("0", "10.5", "-10.50", "1.5", "0.1e1", "'10.5'", "9007199254740993", "3.1")]
    for name in REALS:
        out += [f"{name} {op} {v}" for op in ("=", "<", ">=") for v in ("0", "0.1", "2.5", "'0.1'", "1e10", "9007199254740993", "-7")]
    for name in ("dt", "dtm", "dt6"):
        out += [f"{name} {op} {v}" for op in ("=", "<", ">=", "<>", "<=>")
                for v in ("'2024-01-31'", "'2024-01-31 10:11:12'", "'1999-12-31 23:59:59'", "date'2024-01-31'", "timestamp'2024-01-31 10:11:12'", "20240131")]
    out += ["dt = '0000-00-00'", "dt = dtm", "dtm = dt6", "dt < dtm", "dt between '2020-01-01' and '2024-01-31'",
            "dtm between '2024-01-31' and '2024-01-31 23:59:59'", "dt in ('2024-01-31','2020-02-29')", "dt not in ('2024-01-31')",
            "year(dt) = 2024", "year(dtm) between 1999 and 2001", "date(dtm) = '2024-01-31'", "date(dt6) > '2001-01-01'", "dt is null", "dtm is not null",
            "ts = '2024-01-31 10:11:12'", "ts < '2038-01-19'", "ts is null", "dt6 = '2024-01-31 10:11:12.000001'", "dt6 > '2024-01-31 10:11:12'",
            "t0 = '10:11:12'", "t0 < '00:00:00'", "t0 >= '-00:00:01'", "t3 = '10:11:12.5'", "t3 > '10:11:12'", "t0 = t3", "t0 between '-01:00:00' and '12:00:00'",
            "t0 = time'10:11:12'", "t0 is null", "t3 in ('10:11:12.5','10:11:12')"]
    out += [f"y {op} {v}" for op in ("=", "<", ">=") for v in ("2024", "24", "99", "0", "'2000'", "'0'", "70", "1901", "2155", "3000", "2024.5", "'24'")]
    out += ["y in (2024, 1999)", "y between 1999 and 2024", "y is null", "y + 1 = 2025", "y in ('2024')", "y = 5"]
    out += ["bi = 255", "bi = b'1010'", "bi = x'0a'", "bi > 1", "bi = '10'", "b64 = 18446744073709551615", "b64 > 5", "bi in (1, 10)", "bi + 1 = 11", "b64 is null"]
    words = ["'abc'", "'ABC'", "'abc '", "' abc'", "''", "'a'", "'é'", "'strasse'", "'10'", "10", "0", "null", "'~'", "x'61'", "'ä'", "1.0", "'e'", "'ß'", "'ss'", "'日本'"]
    for name in CHARS:
        out += [f"{name} = {w}" for w in words]
        out += [f"{name} {op} {w}" for op in ("<", ">=", "<>") for w in ("'abc'", "'b'", "'~'", "'é'", "'_'", "'Abc '")]
        out += [f"{name} in ('abc', 'paid', 'É')", f"{name} not in ('abc', null)", f"{name} like 'a%'", f"{name} like '%b_'", f"{name} like 'a\\\\_b'",
                f"{name} like 'a|%b' escape '|'", f"{name} not like '%c%'", f"{name} like '%é%'", f"{name} like 'abc '", f"{name} like ''", f"{name} like '%'",
                f"{name} between 'a' and 'b'", f"{name} regexp '^a'", f"{name} regexp 'b.?c$'", f"{name} regexp '[0-9]+'", f"{name} not regexp '(ab|pa)'",
                f"{name} regexp 'é'", f"lower({name}) = 'abc'", f"upper({name}) = 'ABC'", f"lower({name}) like 'é%'", f"length({name}) > 2", f"char_length({name}) = 1",
                f"concat({name}, 'x') = 'abcx'", f"substring({name}, 2) = 'bc'", f"substring({name}, -1) = 'c'", f"substring({name}, 1, 1) = 'a'",
                f"coalesce({name}, 'none') = 'none'", f"ifnull({name}, 'x') = 'x'", f"{name} <=> null", f"{name} is null", f"{name} + 1 > 5", f"{name}"]
    for name in BINARIES:
        out += [f"{name} = x'61'", f"{name} = 'a'", f"{name} = 'A'", f"{name} > 'a'", f"{name} like 'a%'", f"length({name}) = 3", f"{name} in (x'ff00', 'abc')",
                f"{name} is null", f"substring({name}, 1, 1) = x'61'", f"{name} < x'61'", f"concat({name}, x'00') = x'6100'", f"char_length({name}) = 1"]
    out += ["en = 'paid'", "en = 'PAID'", "en = 1", "en = 0", "en > 1", "en in ('sent','new')", "en in (1, 2)", "en like 'p%'", "en is null", "en > 'new'",
            "en + 0 = 2", "en = ''", "en <> 'paid'", "concat(en, '!') = 'paid!'", "length(en) = 4", "upper(en) = 'SENT'",
            "se = 'a,b'", "se = 3", "se like '%b%'", "se + 0 = 7", "se = ''", "se is null", "se in ('a','c')", "se > 'a'"]
    out += ["i + 1 = 2", "i - 1 < 0", "i * 2 = 20", "i / 2 = 5", "i / 3 = 0.333333333", "i div 3 = 3", "i % 3 = 1", "i mod 3 = -0", "mod(i, 4) = 2", "i / 0 is null",
            "i div 0 is null", "i % 0 is null", "-i = 3", "- -i = 10", "abs(i) = 3", "abs(de) = 10.5", "abs(d) = 7", "de + 1 = 11.5", "de * de = 110.25", "de / 4 = 2.625",
            "de / 3 = 3.5", "de % 3 = 1.5", "de - 0.5 = 10", "de div 3 = 3", "dl + dl = 3", "dl * 2 = 3.0", "d / 2 = 1.25", "d % 2 = 0.5", "d * 10 = 25", "d + 1 = 1.1",
            "f * 2 = 6.5", "f = 3.25", "1 / 3 = 0.333333333", "1 / 3 = 0.3333", "10 / 4 = 2.5", "i + de > 10", "i + d > 1", "iu - 1 > 5", "b + 1 > 5", "bu + 1 > 5",
            "iu * iu > 5", "ti * ti = 25", "(i + 1) * 2 = 22", "i + 1 * 2 = 12", "7 mod 3 = 1", "-7 % 3 = -1", "-7 div 2 = -3", "7.5 div 2 = 3", "5.5 % 2 = 1.5",
            "mod(-7, 3) = -1", "mod(de, 2) = 0.5", "abs(-5) = 5", "1e3 = 1000", ".5 = 0.5", "5. = 5", "-9223372036854775808 = b", "-9223372036854775808 in (b, bu)", "-9223372036854775808 in (bu, ti)", "-(9223372036854775808) in (bu, ti)", "-9223372036854775809 in (bu, ti)", "-9223372036854775808 < bu", "-9223372036854775808 in (di, bu)", "-(9223372036854775808) - 0.5 < b", "9223372036854775807 = b"]
    out += ["i is null", "i is not null", "not i", "! i", "not i = 1", "!(i = 1)", "i and tu", "i or tu", "i xor tu", "i && tu", "i || tu", "i is true", "i is not true",
            "i is false", "(i = 1) is unknown", "i = null", "i <=> null", "i in (1, null)", "i not in (1, null)", "i in (null)", "i between null and 5", "i not between null and -5",
            "i between 1 and null", "i not between 1 and 5", "i in (1, '10', 0.0)", "i = 1 or i = 10 and tu = 5", "(i = 1 or i = 10) and tu = 5", "not (i = 1 and tu = 1)",
            "i > 0 and v = 'abc' or de < 0", "null", "true", "false", "not null", "i <> null", "null = null", "null <=> null", "null and 0", "null or 1", "not (null and i)",
            "i = 1 = 1", "1 < i < 3", "i between 0 and 5 and tu between 0 and 10", "i >= 0 xor tu > 5", "coalesce(i, tu, -1) = -1", "coalesce(i, de) = 10.5", "ifnull(i, 0) = 0",
            "ifnull(de, i) > 5", "coalesce(null, i) = 1", "coalesce(dt, '2024-01-31') is not null" if False else "coalesce(dt, dt) = '2020-02-29'", "concat(i, '') = '10'",
            "concat(v, i) = 'a1'", "concat(i, ':', de) = '10:10.50'", "concat(dt, '') like '2024%'", "length(i) = 2", "char_length(de) = 5", "substring(i, 1, 1) = '-'",
            "i like '1%'", "de like '%.50'", "dt like '2024-%'", "i regexp '^[0-9]+$'", "v = vb", "v = c", "vu = vu", "v in (c, tx)", "vl = lb", "v9 = v9", "v9 > v9",
            "concat(v, v) = 'aa'", "concat(v, c) like 'a%'", "lower(concat(v, 'X')) = 'abcx'", "i = tu", "i < de", "de = dl", "d = f", "b = bu", "ti < bu", "b = d", "bu > d",
            "bu in (1, -1)", "b in (9007199254740992, 9007199254740993)", "b in ('9007199254740993')", "b between 9007199254740992 and 9007199254740993", "bu = -1", "b < bu",
            "js is null", "js is not null", "substring(v from 2 for 1) = 'b'", "substr(v, 2) = 'bc'", "mid(v, 1, 2) = 'ab'", "v like 'a\\\\\\\\b'", "v = 'it''s'", 'v = "it\'s"',
            "v like binary_x" if False else "v like concat('a', '%')", "v > 5", "v < i", "v = i", "v between 1 and 10", "v in (10, 9)", "de between '1' and 20", "i between '0' and '5'"]
    return out


class Generator:
    """Random conditions that are mostly well typed."""

    def __init__(self, r):
        self.r = r

    def pick(self, *choices):
        return self.r.choice(choices)

    def integer(self):
        pools = [v for _, values in INTS.values() for v in values]
        return str(self.pick(self.r.choice(pools), self.r.randrange(-5, 20)))

    def number(self, depth):
        c = self.r.random()
        if depth > 0 and c < 0.2:
            op = self.pick("+", "-", "*", "/", "%", "div")
            left, right = (self.exact(depth - 1), self.exact(depth - 1)) if op == "div" else (self.number(depth - 1), self.number(depth - 1))
            return f"({left} {op} {right})"
        if depth > 0 and c < 0.28:
            return f"{self.pick('abs', '-')}({self.number(depth - 1)})"
        if depth > 0 and c < 0.33:
            return f"{self.pick('length', 'char_length')}({self.pick(*CHARS)})"
        if depth > 0 and c < 0.38:
            return f"{self.pick('ifnull', 'coalesce')}({self.number(0)}, {self.number(0)})"
        if c < 0.75:
            return self.pick(*INTS, *DECIMALS, *REALS)
        return self.pick(self.integer(), str(self.r.randrange(-100, 100) / 4), self.pick("1e1", "2.5e0", "10.50", "0.1", "3.10"))

    def exact(self, depth):
        return self.pick(*INTS, *DECIMALS, self.integer(), "10.5", "3")

    def literal(self):
        word = self.r.choice(WORDS + WIDE[:7]).replace("\\", "\\\\").replace("'", "''")
        return f"'{word}'"

    def text(self, depth):
        c = self.r.random()
        column = self.pick(*CHARS)
        if depth > 0 and c < 0.12:
            return f"{self.pick('lower', 'upper')}({column})"
        if depth > 0 and c < 0.2:
            return f"concat({column}, {self.literal()})"
        if depth > 0 and c < 0.28:
            return f"substring({column}, {self.r.randrange(-3, 4)}{self.pick('', ', 2', ', 1', ', 0')})"
        if depth > 0 and c < 0.34:
            return f"{self.pick('ifnull', 'coalesce')}({column}, {self.literal()})"
        return column if c < 0.9 else self.pick(*LABELS)

    def moment(self):
        return self.pick("'2024-01-31'", "'2024-01-31 10:11:12'", "'2000-01-01'", "'1999-12-31 23:59:59'", "'2024-01-31 10:11:12.000001'", "dt", "dtm", "dt6")

    def comparison(self):
        return self.pick("=", "=", "<>", "<", "<=", ">", ">=", "<=>", "!=")

    def atom(self, depth):
        c = self.r.random()
        if c < 0.3:
            other = self.number(depth) if self.r.random() < 0.85 else self.pick("'1'", "'10'", "'abc'", "null", "x'05'")
            return f"{self.number(depth)} {self.comparison()} {other}"
        if c < 0.5:
            return f"{self.text(depth)} {self.comparison()} {self.literal()}"
        if c < 0.56:
            return f"{self.text(depth)} {self.pick('', 'not ')}in ({', '.join(self.literal() for _ in range(self.r.randrange(1, 5)))})"
        if c < 0.62:
            return f"{self.number(0)} {self.pick('', 'not ')}in ({', '.join(self.number(0) for _ in range(self.r.randrange(1, 5)))})"
        if c < 0.69:
            pattern = "".join(self.pick("a", "b", "%", "_", "B", "c", "%") for _ in range(self.r.randrange(0, 5)))
            return f"{self.text(depth)} {self.pick('', 'not ')}like '{pattern}'"
        if c < 0.73:
            pattern = self.pick("^a", "b$", "[a-c]+", "a|b", "^.b", "x?", "(ab)+c", "^[^a]", "1[0.]")
            return f"{self.pick(*CHARS)} {self.pick('', 'not ')}regexp '{pattern}'"
        if c < 0.8:
            return f"{self.pick('dt', 'dtm', 'dt6')} {self.comparison()} {self.moment()}"
        if c < 0.83:
            return f"{self.pick('t0', 't3')} {self.comparison()} {self.pick('t0', 't3', chr(39) + '10:11:12' + chr(39), chr(39) + '-00:30:00.5' + chr(39))}"
        if c < 0.87:
            kind = self.pick(self.number, lambda _: self.pick("dt", "dtm"))
            if kind == self.number:
                return f"{self.number(0)} {self.pick('', 'not ')}between {self.number(0)} and {self.number(0)}"
            return f"{self.pick('dt', 'dtm')} {self.pick('', 'not ')}between '2000-01-01' and {self.pick(chr(39) + '2024-01-31' + chr(39), 'dt6')}"
        if c < 0.92:
            return f"{self.pick(*INTS, *CHARS, 'dt', 'en', 'js', 'de')} is {self.pick('', 'not ')}null"
        if c < 0.95:
            return f"{self.pick(*BINARIES)} {self.comparison()} {self.pick(*BYTES, chr(39) + 'a' + chr(39))}"
        if c < 0.97:
            return f"y {self.comparison()} {self.pick('2024', '1999', '24', '99', '2000')}"
        return self.number(depth)

    def condition(self, depth=3):
        c = self.r.random()
        if depth == 0 or c < 0.45:
            return self.atom(1)
        if c < 0.8:
            return f"{self.condition(depth - 1)} {self.pick('and', 'or', 'and', 'or', 'xor')} {self.condition(depth - 1)}"
        if c < 0.9:
            return f"not ({self.condition(depth - 1)})"
        if c < 0.94:
            return f"({self.condition(depth - 1)}) is {self.pick('', 'not ')}{self.pick('true', 'false', 'unknown')}"
        return f"({self.condition(depth - 1)})"
