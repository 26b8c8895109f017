"""What a row costs in each format with each codec, beside librdkafka alone with the same bytes."""

import os

from figures import throughput
from figures.setting import PARTITIONS, ROWS, TABLES, say

FORMATS = ("canal-json", "dts-avro")
CODECS = ("none", "lz4", "snappy", "gzip", "zstd")
BOUND = 1.6


def _one(s, form, codec, path, objects):
    floor = throughput.writing_floor(s, "real", path, codec)
    return floor, throughput.rowcast(s, "real", objects, format=form, compression=codec)


def run(s, recorder, rounds):
    _ = s.mysql, s.kafka
    # For a try: whole tables, each of which has a quarter of the rows.
    tables = max(1, min(TABLES, round(s.rows / ROWS * TABLES)))
    objects = [f"sbtest.sbtest{i + 1}" for i in range(tables)]
    paths, topics, count = {}, [], {}
    for form in FORMATS:
        say(f"formats: the messages of {form}")
        paths[form] = os.path.join(s.folder, f"messages-{form}")
        told = throughput.messages_of(s, paths[form], objects, format=form)
        topics.append(told["topic"])
        count[form] = told["messages"]
        recorder.add("message bytes per row before compression", "B",
                     [(told["key_bytes"] + told["value_bytes"]) / told["messages"]], format=form)
    if len(set(count.values())) != 1 or (tables == TABLES and count[FORMATS[0]] != ROWS):
        raise SystemExit(f"error: messages by format: {count}, {ROWS} were expected")
    rows = count[FORMATS[0]]

    read, found = [], {(form, codec): [] for form in FORMATS for codec in CODECS}
    for i in range(rounds):
        read.append(throughput.reading_floor(s))
        for (form, codec), pairs in found.items():
            say(f"formats, round {i + 1} of {rounds}: {form}, {codec}")
            pairs.append(_one(s, form, codec, paths[form], objects))
        s.drop_topics()
        s.empty_topics(topics)

    recorder.add("reading floor: CPU per row", "us", [r.cpu / rows * 1e6 for r in read])
    for (form, codec), pairs in found.items():
        shape = {"broker": "real", "partitions": PARTITIONS, "format": form, "compression": codec}
        recorder.add("writing floor: CPU per row", "us", [f["cpu_s"] / rows * 1e6 for f, _ in pairs], **shape)
        recorder.add("rowcast: CPU per row", "us", [o.cpu / rows * 1e6 for _, o in pairs], **shape)
        recorder.add("CPU: rowcast / (reading + writing floor)", "ratio",
                     [o.cpu / (r.cpu + f["cpu_s"]) for (f, o), r in zip(pairs, read)],
                     ("<=", BOUND) if form == "dts-avro" else None, **shape)
