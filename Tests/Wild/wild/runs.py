"""Runs virt-bmap and virt-bmap verify on all disks of a group."""

import dataclasses
import json
import os
import pathlib
import subprocess
import time

# A group takes up to ten minutes under emulation.
SECONDS = 1800


@dataclasses.dataclass
class Line:
    """A line of a map."""

    disk: int
    start: int
    end: int
    kind: str
    device: str
    path: str


@dataclasses.dataclass
class Run:
    status: int  # of virt-bmap
    seconds: float
    messages: list  # its warnings and errors
    sizes: dict  # of the disks, by number
    types: dict  # what the map's header says of a device
    lines: list
    verify_status: int
    verify_messages: list
    filesystems: list  # as virt-bmap verify --json has them
    wrong: list
    accounted: dict  # by the number of the disk: its size, and the bytes that the map accounts for


def virt_bmap():
    build = pathlib.Path(__file__).resolve().parents[3] / ".build/release"
    return str(pathlib.Path(os.environ.get("BMAP_BUILD", build)) / "virt-bmap")


def run_group(group, directory):
    disks = [str(disk) for guest in group.guests for disk in guest.disks]
    target = directory / f"{group.name.replace(' ', '-')}.bmap"
    target.unlink(missing_ok=True)
    start = time.monotonic()
    mapped = program([*group.options, "-o", str(target), *disks])
    run = Run(mapped.returncode, time.monotonic() - start, messages(mapped.stderr), {}, {}, [], 0, [], [], [], {})
    if not target.exists():
        return run
    read_map(target, run)
    summary = json.loads(program(["summary", "--json", str(target)]).stdout)
    for disk in summary["disks"]:
        run.accounted[disk["disk"]] = disk["size"], disk["size"] - disk["bytes"]["unaccounted"]
    verified = program(["verify", "--json", *group.options, *disks, str(target)])
    run.verify_status = verified.returncode
    run.verify_messages = messages(verified.stderr)
    if verified.stdout.strip():
        answer = json.loads(verified.stdout)
        run.filesystems = answer["filesystems"]
        run.wrong = answer["wrong"]
    run.seconds = time.monotonic() - start
    return run


def program(arguments):
    words = [virt_bmap(), *arguments]
    try:
        return subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="backslashreplace", timeout=SECONDS)
    except subprocess.TimeoutExpired:
        # The status of timeout(1). The other groups still run.
        return subprocess.CompletedProcess(words, 124, "", f"not finished after {SECONDS} seconds")


def messages(text):
    return [line.removeprefix("virt-bmap: ") for line in text.splitlines()]


def read_map(file, run):
    for text in file.read_text(encoding="utf-8", errors="backslashreplace").split("\n"):
        if text.startswith("# disk "):
            words = text.split(" ")
            run.sizes[int(words[2])] = int(words[3].removeprefix("size="), 16)
        elif text.startswith("# device "):
            _, _, device, *rest = text.split(" ")
            run.types[device] = " ".join(rest)
        elif text and not text.startswith("#"):
            disk, start, end, kind, device, *path = text.split(" ", 5)
            run.lines.append(Line(
                int(disk), int(start, 16), int(end, 16), kind.partition("@")[0], device, path[0] if path else ""))
