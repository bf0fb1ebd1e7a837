#!/usr/bin/env python3
"""Count what a trace's kernels do after one another, straight from the raw JSON.

usage: check_structure.py TABLE FOLDER

Reads the traces that TABLE names below FOLDER and checks each expectation of the table. Knows regular expressions over
raw kernel names and nothing of profgate. Prints one line for each expectation (whether it holds, trace, kind,
label, count in all, expressions; divided by tabs), then what differs, and exits 1 when anything does; 2 when the table cannot be read or a trace is not there.

TABLE: one item a line; a line that begins with `#` is a comment.

    trace PATH                  what follows is about this file
    steps N                     the steps that the counts are spread over; 1 when not given
    kernel LABEL = N: RE        activities whose name RE finds, a step
    ladder LABEL = N: RE -> RE  runs of activities that follow one another on one stream, one for each RE, a step
    layers = N: RE              kernels of the attention proper, a step; another kernel stands between two of them

A count may be a sum (`160 + 1`); `in all` after it says that it is of the whole trace and not of a step.
Activities are kernels, copies and fills. They follow one another when no other activity of the same stream starts
between them.
"""
import collections
import gzip
import json
import re
import sys

ACTIVITIES = {"kernel", "gpu_memcpy", "gpu_memset"}


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(2)


def streams(path):
    """Names in order of start, for each device and stream."""
    with open(path, "rb") as file:
        raw = file.read()
    if raw.startswith(b"\x1f\x8b"):
        raw = gzip.decompress(raw)
    document = json.loads(raw)
    events = document if isinstance(document, list) else document["traceEvents"]
    found = collections.defaultdict(list)
    for event in events:
        if event.get("ph") == "X" and str(event.get("cat")).lower() in ACTIVITIES:
            args = event.get("args", {})
            place = str(args.get("device", event.get("pid"))), str(args.get("stream", event.get("tid")))
            found[place].append((float(event["ts"]), len(found[place]), event["name"]))
    return {place: [name for _, _, name in sorted(rows)] for place, rows in found.items()}


def ladders(sequences, patterns):
    """How often activities that the patterns find, in this order, follow one another."""
    seen = 0
    for names in sequences.values():
        for start in range(len(names) - len(patterns) + 1):
            seen += all(pattern.search(name) for pattern, name in zip(patterns, names[start:]))
    return seen


def layers(sequences, pattern):
    """Runs of attention kernels without another kernel between them, on the streams that have any."""
    seen = 0
    for names in sequences.values():
        before = False
        for name in names:
            now = bool(pattern.search(name))
            seen += now and not before
            before = now
    return seen


ITEM = re.compile(r"(kernel|ladder|layers)\s*(.*?)\s*=\s*([\d+ ]+?)\s*(in all)?:\s*(.+)")


def main():
    if len(sys.argv) != 3:
        fail(__doc__.strip())
    table, folder = sys.argv[1:]
    trace, steps, sequences, cache = None, 1, None, {}
    checked, wrong = 0, []
    for number, line in enumerate(open(table, encoding="utf-8"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("trace "):
            trace, steps = line.split(None, 1)[1], 1
            path = f"{folder}/{trace}"
            if path not in cache:
                try:
                    cache = {path: streams(path)}
                except OSError as error:
                    fail(f"{table}:{number}: {error}")
            sequences = cache[path]
            continue
        if line.startswith("steps "):
            steps = int(line.split()[1])
            continue
        item = ITEM.fullmatch(line)
        if not item or sequences is None:
            fail(f"{table}:{number}: not understood: {line}")
        kind, label, count, in_all, regexes = item.groups()
        patterns = [re.compile(part.strip()) for part in regexes.split(" -> ")]
        expected = sum(int(part) for part in count.split("+")) * (1 if in_all else steps)
        if kind == "layers":
            got = layers(sequences, patterns[0])
        else:
            got = ladders(sequences, patterns)
        checked += 1
        print("ok" if got == expected else "wrong", trace, kind, label, got, regexes, sep="\t")
        if got != expected:
            wrong.append(f"{table}:{number}: {label or kind}: expected {expected} in all, counted {got}")
    print("\n".join(wrong) if wrong else f"{checked} expectations hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
