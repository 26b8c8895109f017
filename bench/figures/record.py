"""Results: JSON lines in a file, a table for people."""

import datetime
import json
import os
import platform
import re
import statistics
import subprocess


def _first_line(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def _cache(build):
    found = {}
    try:
        with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as f:
            for line in f:
                match = re.match(r"([A-Z_]+):\w+=(.*)$", line)
                if match:
                    found[match.group(1)] = match.group(2)
    except OSError:
        pass
    return found


def _cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        match = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.MULTILINE)
    return f"{match.group(1) if match else platform.machine()}, {os.cpu_count()} cores"


class Recorder:
    """Collects results; each goes to the file as soon as it is there."""

    def __init__(self, root, build, path):
        cache = _cache(build)
        kind = cache.get("CMAKE_BUILD_TYPE", "")
        flags = f"{cache.get('CMAKE_C_FLAGS', '')} {cache.get('CMAKE_C_FLAGS_' + kind.upper(), '')}"
        commit = _first_line(["git", "-C", root, "rev-parse", "--short=12", "HEAD"])
        changed = subprocess.run(
            ["git", "-C", root, "status", "--porcelain", "--untracked-files=no", "src"],
            capture_output=True, text=True, check=False).stdout.strip()
        self.where = {
            "compiler": _first_line([cache.get("CMAKE_C_COMPILER", "cc"), "--version"]),
            "flags": flags.strip(),
            "cpu": _cpu(),
            "kernel": platform.release(),
            "commit": commit + ("+changes" if changed else ""),
            "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        }
        self.path = path
        self.results = []
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8"):
            pass

    def add(self, name, unit, values, limit=None, **parameters):
        """values: one number a round. limit: what the median is held against, for the table."""
        values = [round(float(v), 4) for v in values]
        result = {
            "name": name, "parameters": parameters, "unit": unit, "n": len(values),
            "min": min(values), "median": round(statistics.median(values), 4), "max": max(values),
            **({"limit": limit} if limit is not None else {}), **self.where,
        }
        self.results.append(result)
        with open(self.path, "a", encoding="utf-8") as f:
            f.write(json.dumps(result) + "\n")
        return result["median"]


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def write(path, results):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(r) + "\n" for r in results)


def merge(old, new):
    """New figures in the place of the old ones of the same name and parameters; others at the end."""
    def key(r):
        return r["name"], json.dumps(r["parameters"], sort_keys=True)
    fresh = {key(r): r for r in new}
    return [fresh.pop(key(r), r) for r in old] + list(fresh.values())


def origins(results):
    """A line for each run that the figures are from."""
    runs = {}
    for r in results:
        runs.setdefault((r["time"], r["commit"], r["cpu"], r["kernel"], r["compiler"]), []).append(r)
    return [f"- {time}, commit {commit}, {cpu}, Linux {kernel}, {compiler}: {len(of)} figures."
            for (time, commit, cpu, kernel, compiler), of in sorted(runs.items())]


def number(value):
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def table(results):
    """A Markdown table, one line a result."""
    lines = ["| figure | unit | median | min | max | n | bound |", "|---|---|---:|---:|---:|---:|---|"]
    for r in results:
        details = ", ".join(f"{k} {v}" for k, v in r["parameters"].items())
        bound = ""
        if "limit" in r:
            kind, value = r["limit"]
            held = r["median"] <= value if kind == "<=" else r["median"] >= value
            bound = f"{'≤' if kind == '<=' else '≥'} {number(value)}: {'held' if held else '**missed**'}"
        lines.append(f"| {r['name']}{' (' + details + ')' if details else ''} | {r['unit']} | "
                     f"{number(r['median'])} | {number(r['min'])} | {number(r['max'])} | {r['n']} | {bound} |")
    return "\n".join(lines)
