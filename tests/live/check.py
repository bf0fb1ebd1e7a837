"""Checks a capture folder against what was asked for.

usage: check.py DIR --ranks N --steps N --stage STAGE...
"""

import argparse
import gzip
import hashlib
import json
import pathlib
import sys

arguments = argparse.ArgumentParser()
arguments.add_argument("folder", type=pathlib.Path)
arguments.add_argument("--ranks", type=int, required=True)
arguments.add_argument("--steps", type=int, required=True)
arguments.add_argument("--stage", action="append", required=True)
asked = arguments.parse_args()

manifest = json.loads((asked.folder / "capture.json").read_text())
found = []
for profile in manifest["profiles"]:
    for file in profile["files"]:
        stored = (asked.folder / file["path"]).read_bytes()
        if (len(stored), hashlib.sha256(stored).hexdigest()) != (file["bytes"], file["sha256"]):
            sys.exit(f"{file['path']}: the manifest tells another size or digest")
        text = gzip.decompress(stored) if stored[:2] == b"\x1f\x8b" else stored
        events = json.loads(text)["traceEvents"]
        steps = {stage: file[f"{stage}_steps"] for stage in ("prefill", "decode")}
        stage = max(steps, key=steps.get)
        if steps[stage] < asked.steps:
            sys.exit(f"{file['path']}: {steps} steps, and {asked.steps} were asked for")
        found.append((stage, file["rank"]))
        print(f"{file['path']}: rank {file['rank']}, {steps}, batch {file['decode_batch']}, {len(events)} events")
wanted = [(stage, rank) for stage in asked.stage for rank in range(asked.ranks)]
if sorted(found) != sorted(wanted):
    sys.exit(f"stages and ranks are {sorted(found)}, not {sorted(wanted)}")
server = json.loads((asked.folder / "server_args.json").read_text())
if not server or set(server) & {"api_key", "admin_api_key", "launch_command"}:
    sys.exit(f"server_args.json: {sorted(server)}")
