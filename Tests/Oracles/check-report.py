#!/usr/bin/env python3
"""Compares what `virt-bmap report` writes with figures that are added up here, from the log alone.

   check-report.py LOG JSON CSV FOLDED FOLDED-REQUESTS PAGE

LOG is a log in JSON whose requests are aligned to sectors. Prints each difference, and fails if there is one.
"""
import base64
import collections
import csv
import json
import re
import struct
import sys

SECTOR = 512
problems = []


def expect(what, ours, theirs):
    if ours != theirs:
        problems.append(f"{what}: {str(ours)[:300]} here, {str(theirs)[:300]} in the report")


def moment(value):
    return None if value is None else round(value * 1_000_000)


class Counts:
    def __init__(self):
        self.requests = self.bytes = self.distinct = self.sequential = 0
        self.first = self.last = self.end = None

    def add(self, length, distinct, sequential, time):
        self.requests += 1
        self.bytes += length
        self.distinct += distinct
        self.sequential += sequential
        self.first = time if self.first is None else min(self.first, time)
        self.last = time if self.last is None else max(self.last, time)

    def merge(self, other):
        for name in ("requests", "bytes", "distinct", "sequential"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name, choose in (("first", min), ("last", max)):
            values = [value for value in (getattr(self, name), getattr(other, name)) if value is not None]
            setattr(self, name, choose(values) if values else None)

    def json(self):
        return {"requests": self.requests, "bytes": self.bytes, "distinct": self.distinct,
                "sequential": self.sequential, "first": self.first, "last": self.last}


class Pair:
    def __init__(self):
        self.read, self.write = Counts(), Counts()

    def of(self, direction):
        return getattr(self, direction)

    def merge(self, other):
        self.read.merge(other.read)
        self.write.merge(other.write)

    def json(self):
        return {"read": self.read.json(), "write": self.write.json()}


def sectors(piece):
    return range(piece["offset"] // SECTOR, (piece["offset"] + piece["length"]) // SECTOR)


requests = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
report = json.load(open(sys.argv[2], encoding="utf-8"))

operations, objects, disks = collections.defaultdict(Counts), collections.defaultdict(Pair), collections.defaultdict(Pair)
seen = collections.defaultdict(set)
disk_ends, object_ends = {}, {}
for request in requests:
    direction = {"read": "read", "write": "write", "trim": "write", "zero": "write"}.get(request["op"])
    time = moment(request["time"])
    total = new = 0
    for piece in request["pieces"]:
        owner = piece["objects"][0] if piece["objects"] else None
        name = (owner["kind"], owner["device"], owner.get("path")) if owner else None
        length = piece["length"]
        fresh = 0
        if direction:
            touched = seen[direction, request["disk"]]
            fresh = SECTOR * sum(sector not in touched for sector in sectors(piece))
            place = (name, direction)
            objects[name].of(direction).add(
                length, fresh, name is not None and object_ends.get(place) == piece["offset"], time)
            object_ends[place] = piece["offset"] + length
        total += length
        new += fresh
    if direction:
        for piece in request["pieces"]:
            seen[direction, request["disk"]].update(sectors(piece))
    place = (request["disk"], direction)
    sequential = direction is not None and disk_ends.get(place) == request["offset"]
    disk_ends[place] = request["offset"] + request["length"]
    operations[request["op"]].add(total, new, sequential, time)
    if direction:
        disks[request["disk"]].of(direction).add(total, new, sequential, time)

kinds, devices, directories = (collections.defaultdict(Pair) for _ in range(3))
for name, pair in objects.items():
    kinds[name[0] if name else "-"].merge(pair)
    if name is None:
        continue
    kind, device, path = name
    devices[device].merge(pair)
    if path and path.startswith("/"):
        parts = path.split("/")
        above = {"/"} | {"/".join(parts[:count]) for count in range(2, len(parts))}
        if kind == "d":
            above.add(path)
        for directory in above:
            directories[device, directory].merge(pair)


def theirs(counts):
    return {**counts, "first": moment(counts["first"]), "last": moment(counts["last"])}


def compare(what, ours, rows, key):
    found = {key(row): {"read": theirs(row["read"]), "write": theirs(row["write"])} for row in rows}
    expect(f"{what}: the number of rows", len(ours), len(rows))
    for name, pair in ours.items():
        expect(f"{what} {name}", pair.json(), found.get(name))
    sums = [row["read"]["bytes"] + row["write"]["bytes"] for row in rows]
    expect(f"{what}: sorted", sorted(sums, reverse=True), sums)


expect("first", min(moment(request["time"]) for request in requests), moment(report["first"]))
expect("last", max(moment(request["time"]) for request in requests), moment(report["last"]))
expect("failed", sum(request["result"] != "ok" for request in requests), report["failed"])
expect("operations", {name: counts.json() for name, counts in operations.items()},
       {row["operation"]: {name: value for name, value in theirs(row).items() if name != "operation"}
        for row in report["operations"]})
compare("disk", disks, report["disks"], lambda row: row["disk"])
compare("kind", kinds, report["kinds"], lambda row: row["kind"])
compare("device", devices, report["devices"], lambda row: row["device"])
compare("directory", directories, report["directories"], lambda row: (row["device"], row["path"]))
named = {name: pair for name, pair in objects.items() if name}
compare("object", named, report["objects"], lambda row: (row["kind"], row["device"], row.get("path")))

for direction in ("read", "write"):
    ours = sorted(request["latency"] for request in requests if request["op"] in (
        ("read",) if direction == "read" else ("write", "trim", "zero")))
    for name, share in (("median", 0.5), ("p99", 0.99)):
        if not ours:
            expect(f"{name} {direction}", None, report["latency"][direction][name])
            continue
        exact = ours[max(0, -(-len(ours) * round(share * 100) // 100) - 1)]
        if abs(report["latency"][direction][name] - exact) > 0.07 * exact + 0.2:
            expect(f"{name} of {direction}s", exact, report["latency"][direction][name])

# The CSV has the same rows.
rows = list(csv.DictReader(open(sys.argv[3], encoding="utf-8", newline="")))
expect("CSV rows", len(objects), len(rows))
for row in rows:
    pair = objects[(row["kind"], row["device"], row["path"] or None) if row["kind"] != "-" else None]
    for direction in ("read", "write"):
        for name, value in pair.of(direction).json().items():
            text = row[f"{direction}_{name}"]
            there = (moment(float(text)) if text else None) if name in ("first", "last") else int(text)
            expect(f"CSV {row['kind']} {row['path']} {direction} {name}", value, there)

# The stacks add up to the totals, and each is a path.
for file, name in ((sys.argv[4], "bytes"), (sys.argv[5], "requests")):
    stacks = {}
    for line in open(file, encoding="utf-8"):
        stack, count = line.rstrip("\n").rsplit(" ", 1)
        stacks[stack] = stacks.get(stack, 0) + int(count)
    value = {key: getattr(pair.read, name) + getattr(pair.write, name) for key, pair in objects.items()}
    expect(f"folded {name}", sum(value.values()), sum(stacks.values()))
    for key, count in value.items():
        if key and key[0] == "f" and key[2].startswith("/") and "//" not in key[2]:
            frames = [part.replace(";", "\\073") for part in [key[1]] + key[2].split("/")[1:]]
            expect(f"folded {name} of {key}", count, stacks.get(";".join(frames)))

# The page has the same figures, and every access.
html = open(sys.argv[6], encoding="utf-8").read()


def part(name):
    return re.search(f'<script type="[^"]*" id="{name}">(.*?)</script>', html, re.S).group(1)


def numbers(name, code):
    return [value for value, in struct.iter_unpack(code, base64.b64decode(part(name)))]


def octal(match):
    return "".join(f"\\{byte:03o}" for byte in match.group(0).encode())


def shown(text):
    """A name as the page shows it: without characters that change the direction of text."""
    return None if text is None else re.sub("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]", octal, text)


page = json.loads(part("report-data"))
expect("page: totals", {name: [counts.requests, counts.bytes, counts.distinct, counts.sequential]
                        for name, counts in operations.items()},
       {row["name"]: [row["counts"][name] for name in ("requests", "bytes", "distinct", "sequential")]
        for row in page["operations"]})
table = page["objects"]
on_page = {(kind, page["devices"][device], path): row for row, (kind, device, path) in enumerate(
    zip(table["kind"], table["device"], table["path"]))}
expect("page: objects", len(named), len(on_page))
for (kind, device, path), pair in named.items():
    row = on_page.get((kind, shown(device), shown(path)))
    if row is None:
        expect(f"page: {path}", "a row", None)
        continue
    for direction in ("read", "write"):
        for name in ("requests", "bytes", "distinct", "sequential"):
            expect(f"page: {path} {name}", getattr(pair.of(direction), name), table[direction][name][row])
columns = {name: numbers(f"access-{name}", code) for name, code in (
    ("times", "<I"), ("positions", "<I"), ("lengths", "<I"), ("objects", "<I"), ("operations", "<B"))}
words = ["read", "write", "trim", "zero", "flush", "cache"]
found = collections.Counter()
for lane in page["disks"]:
    for index in range(lane["first"], lane["first"] + lane["count"]):
        row = columns["objects"][index]
        name = (table["kind"][row], page["devices"][table["device"][row]], table["path"][row]) if row < len(
            table["kind"]) else page["others"][row - len(table["kind"])]
        start = columns["positions"][index] * lane["unit"]
        length = columns["lengths"][index] * lane["unit"]
        found[lane["disk"], words[columns["operations"][index]], start, length, name] += 1
wanted = collections.Counter()
for request in requests:
    for piece in request["pieces"]:
        owner = piece["objects"][0] if piece["objects"] else None
        key = (owner["kind"], owner["device"], owner.get("path")) if owner else None
        name = (owner["kind"], shown(owner["device"]), shown(owner.get("path"))) if key in named else (
            owner["kind"] if owner else "-")
        wanted[request["disk"], request["op"], piece["offset"], piece["length"], name] += 1
expect("page: accesses", wanted - found, found - wanted)
rates = page["throughput"]
expect("page: throughput", [operations[name].bytes for name in ("read", "write")],
       [sum(rates["read"]), sum(rates["write"])])
start = min(moment(request["time"]) for request in requests)
times = sorted(moment(request["time"]) - start for request in requests for _ in request["pieces"])
found = sorted(round(time * page["tick"] * 1e6) for time in columns["times"])
if any(abs(ours - there) > page["tick"] * 1e6 + 1 for ours, there in zip(times, found, strict=True)):
    problems.append("page: the times of accesses differ")

print(f"{len(requests)} requests, {len(objects)} objects, {len(directories)} directories")
for problem in problems:
    print(problem, file=sys.stderr)
sys.exit(bool(problems))
