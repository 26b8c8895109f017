"""Where the CPU goes, by stage, and how often our code asks for memory."""

import json
import os
import subprocess

from figures.setting import ROWS, say


def run(s, recorder, rounds):
    say("stages of the row path, in one thread")
    binlog = os.path.join(s.mysql.data, "mysql-bin.000001")
    path = {}
    out = subprocess.run([s.program("stages"), binlog, str(max(rounds, 3))],
                         check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        r = json.loads(line)
        path[r["stage"]] = r["median"]
        recorder.add(f"stage {r['stage']}, alone", "us/row", [r["min"], r["median"], r["max"]])

    threads = {}
    for i in range(rounds):
        say(f"CPU by thread, round {i + 1} of {rounds}")
        done = s.catch_up(s.task(s.mysql, "embedded", "bench", ["sbtest.*"]), s.mysql, threads=True)
        for name, cpu in group(done).items():
            threads.setdefault(name, []).append(cpu / ROWS * 1e6)
    for name, values in threads.items():
        recorder.add(f"threads: {name}", "us/row", values, broker="embedded")
    median = {k: sorted(v)[len(v) // 2] for k, v in threads.items()}
    walk, work = path["walk"], path["decode"] + path["encode"]
    recorder.add("stage read", "us/row", [median["reader"] + median["start"] - walk])
    recorder.add("stage walk", "us/row", [walk])
    recorder.add("stage decode", "us/row", [path["decode"]])
    recorder.add("stage encode", "us/row", [path["encode"]])
    recorder.add("stage produce", "us/row", [median["lanes"] - work + median["librdkafka"]])
    allocations(s, recorder)


def group(done):
    """Threads by what they do. What ended between two looks is in none, and so under start."""
    sums = {"reader": 0.0, "lanes": 0.0, "librdkafka": 0.0, "embedded broker": 0.0}
    for name, cpu in done.threads.items():
        if name == "reader":
            sums["reader"] += cpu
        elif name.startswith("lane-"):
            sums["lanes"] += cpu
        elif name == "rdk:mock":
            sums["embedded broker"] += cpu
        elif name.startswith("rdk:") or name == "flusher":
            sums["librdkafka"] += cpu
    sums["start"] = max(done.cpu - sum(sums.values()), 0.0)
    return sums


def allocations(s, recorder):
    """Of the whole process: calls from our own objects, told from librdkafka's by the debug info."""
    say("counting allocations")
    counts = os.path.join(s.folder, "allocations")
    task = s.task(s.mysql, "embedded", "bench", ["sbtest.*"])
    s.catch_up(task, s.mysql, ALLOC_COUNT=counts, LD_PRELOAD=s.program("liballoc_count.so"))
    with open(counts, encoding="ascii") as f:
        places = [line.split() for line in f]
    # A return address may begin the next line: look at the byte before it.
    asked = "\n".join(hex(int(p[0], 16) - 1) for p in places)
    out = subprocess.run(["addr2line", "-e", s.rowcast], input=asked, check=True,
                         capture_output=True, text=True).stdout.splitlines()
    ours = sum(int(p[1]) for p, where in zip(places, out) if "/src/" in where and "rdkafka" not in where)
    recorder.add("allocations by our code per million rows, whole process", "1", [ours / ROWS * 1e6])
    recorder.add("allocations by librdkafka per million rows", "1",
                 [(sum(int(p[1]) for p in places) - ours) / ROWS * 1e6])
