"""What rules cost a row: programs by themselves, and whole runs with and without."""

import json
import subprocess

from figures.setting import ROWS, say
from figures.stages import group

# Figure of bench_rules, its name in the table, and the bound of its median.
KERNELS = {
    "filter, two integers": ("us/row", 0.2), "filter, decimal and text": ("us/row", 0.2),
    "filter, decimal and list": ("us/row", None), "mask and an added column": ("us/row", 0.5),
    "10,000 names: a table": ("us", None), "10,000 patterns: a table": ("us", None), "10,000 names: compiled": ("us", None),
}
# pad is not in them: no run may differ in what it decodes and does not encode.
RUNS = {
    "no rules": {},
    "a filter that passes all, two comparisons": {"filter": "k > 0 and id > 0"},
    "a filter that passes none": {"filter": "k < 0 and id > 0"},
    "a mask and an added column": {"etl": "e_if(op_ge(__TB__, 's'), e_compose(e_set(`c`, str_mask(`c`, 3, 6, '*')), e_set(`region`, 'eu')))"},
    "a script for another table": {"etl": "e_if(op_eq(__TB__, 'other'), e_set(`c`, 'x'))"},
    "10,000 entries in front": {"before": 10000},
}


def objects(filter=None, before=0, **_):
    entry = {"table": "sbtest.*", "ddl": [], **({"filter": filter} if filter else {})}
    return [{"table": f"shop.table_{i}"} for i in range(before)] + [entry]


def run(s, recorder, rounds):
    say("programs by themselves")
    found = {}
    for _ in range(max(rounds, 3)):
        out = subprocess.run([f"{s.build}/bench/micro/bench_rules", "0.2"], check=True, capture_output=True, text=True).stdout
        for line in out.splitlines():
            r = json.loads(line)
            found.setdefault(r["name"], []).append(r["min"] / 1000)
    for name, (unit, bound) in KERNELS.items():
        recorder.add(f"rules: {name}", unit, found[name], limit=("<=", bound) if bound else None)

    cpu, start = {}, {}
    for i in range(rounds):
        say(f"whole runs, round {i + 1} of {rounds}")
        for name, rules in RUNS.items():
            task = s.task(s.mysql, "embedded", "bench", objects(**rules), **({"etl": rules["etl"]} if "etl" in rules else {}))
            done = group(s.catch_up(task, s.mysql, threads=True))
            cpu.setdefault(name, []).append((done["reader"] + done["lanes"] + done["librdkafka"]) / ROWS * 1e6)
            start.setdefault(name, []).append(done["start"])
    for name, values in cpu.items():
        recorder.add(f"run with {name}: CPU per row", "us/row", values, broker="embedded")
    for name in ("no rules", "10,000 entries in front"):
        recorder.add(f"start with {name}: CPU", "s", start[name], broker="embedded")
    base = cpu["no rules"]
    for name, bound in (("a filter that passes none", 1), ("a script for another table", 1.1), ("10,000 entries in front", 1.1)):
        recorder.add(f"CPU: {name} / no rules", "ratio", [a / b for a, b in zip(cpu[name], base)], limit=("<=", bound), broker="embedded")
