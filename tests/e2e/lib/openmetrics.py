"""OpenMetrics 1.0 text, read strictly: whatever the format does not allow is an error.

    page = parse(text)
    page["rowcast_rows"].kind                                   "counter"
    page.value("rowcast_rows_total", table="d.t", op="insert")  a number
"""

import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf|NaN)")
KINDS = {
    "counter": ("_total", "_created"),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum", "_created"),
    "stateset": ("",),
    "info": ("_info",),
}


class Family:
    def __init__(self, name):
        self.name = name
        self.kind = self.help = self.unit = None
        self.samples = []  # (name, labels as a dict, value)


class Page(dict):
    """Families by name."""

    def samples(self):
        return [s for family in self.values() for s in family.samples]

    def values_of(self, name, **labels):
        """Of all samples of that name which have these labels, and others."""
        return [value for n, have, value in self.samples() if n == name and labels.items() <= have.items()]

    def value(self, name, **labels):
        found = self.values_of(name, **labels)
        if len(found) != 1:
            raise AssertionError(f"{name} {labels}: {len(found)} samples")
        return found[0]


def _labels(text, line):
    labels, at = {}, 0
    while at < len(text):
        found = LABEL.match(text, at)
        if not found or found.group(1) in labels:
            raise AssertionError(f"labels: {line!r}")
        labels[found.group(1)] = re.sub(r"\\(.)", lambda m: "\n" if m.group(1) == "n" else m.group(1), found.group(2))
        at = found.end()
        if at < len(text):
            if text[at] != "," or at + 1 == len(text):
                raise AssertionError(f"labels: {line!r}")
            at += 1
    return labels


def _sample(line):
    name = NAME.match(line)
    if not name:
        raise AssertionError(f"a name is expected: {line!r}")
    rest, labels = line[name.end():], {}
    if rest.startswith("{"):
        # A label's value may hold a brace; the last one ends the labels, for a number has none.
        end = rest.rindex("}")
        labels, rest = _labels(rest[1:end], line), rest[end + 1:]
    if not rest.startswith(" ") or not NUMBER.fullmatch(rest[1:]):
        raise AssertionError(f"a number is expected: {line!r}")
    return name.group(), labels, float(rest[1:])


def _about(page, line):
    """# TYPE, # UNIT or # HELP: each once a family, before its samples, families not mixed."""
    word, name, text = (line[2:].split(" ", 2) + [""])[:3]
    if word not in ("TYPE", "UNIT", "HELP") or not NAME.fullmatch(name):
        raise AssertionError(f"no comments but TYPE, UNIT and HELP: {line!r}")
    last = next(reversed(page)) if page else None
    if name not in page:
        page[name] = Family(name)
    elif name != last:
        raise AssertionError(f"{name} comes twice: {line!r}")
    family, member = page[name], {"TYPE": "kind", "UNIT": "unit", "HELP": "help"}[word]
    if family.samples or getattr(family, member) is not None:
        raise AssertionError(f"twice, or behind its samples: {line!r}")
    if word == "TYPE" and text not in KINDS:
        raise AssertionError(f"no such type: {line!r}")
    if word == "UNIT" and text and not name.endswith("_" + text):
        raise AssertionError(f"the name does not end in the unit: {line!r}")
    if word == "HELP" and re.search(r'\\(?![\\"n])', text):
        raise AssertionError(f"an escape that there is not: {line!r}")
    setattr(family, member, text)


def _check_histogram(family):
    groups = {}
    for name, labels, value in family.samples:
        others = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        groups.setdefault(others, {}).setdefault(name[len(family.name):], []).append((labels.get("le"), value))
    for group in groups.values():
        bounds = [float(le) for le, _ in group["_bucket"]]
        counts = [n for _, n in group["_bucket"]]
        if bounds != sorted(set(bounds)) or bounds[-1] != float("inf") or counts != sorted(counts):
            raise AssertionError(f"{family.name}: buckets {group['_bucket']}")
        if [n for _, n in group["_count"]] != counts[-1:]:
            raise AssertionError(f"{family.name}: the count is not that of +Inf")


def _check(family):
    if family.kind is None or not family.help:
        raise AssertionError(f"{family.name}: no type or no help")
    seen = set()
    for name, labels, value in family.samples:
        key = (name, tuple(sorted(labels.items())))
        if key in seen:
            raise AssertionError(f"{name} {labels} comes twice")
        seen.add(key)
        if family.kind in ("counter", "histogram", "info") and value < 0:
            raise AssertionError(f"{name} {labels} is {value}")
        if family.kind == "info" and value != 1 or family.kind == "stateset" and value not in (0, 1):
            raise AssertionError(f"{name} {labels} is {value}")
        if family.kind == "stateset" and family.name not in labels:
            raise AssertionError(f"{name} {labels} names no state")
    if family.kind == "histogram" and family.samples:
        _check_histogram(family)


def parse(text):
    lines = text.split("\n")
    if lines[-2:] != ["# EOF", ""]:
        raise AssertionError("the page does not end in # EOF and one line end")
    page = Page()
    for line in lines[:-2]:
        if line.startswith("#"):
            _about(page, line)
            continue
        name, labels, value = _sample(line)
        family = page[next(reversed(page))] if page else None
        if family is None or not any(name == family.name + suffix for suffix in KINDS[family.kind or "gauge"]):
            raise AssertionError(f"not below its type: {line!r}")
        family.samples.append((name, labels, value))
    for family in page.values():
        _check(family)
    return page
