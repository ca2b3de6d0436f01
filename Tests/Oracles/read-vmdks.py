"""Read VMDKs with readers that are not ours and compare them with what the disks hold.

Standard input: a JSON array of jobs
    {"size": BYTES, "ranges": [[OFFSET, LENGTH], ...], "expected": FILE, "readers": {NAME: IMAGE, ...},
     "convert": BOOL, "map": [[OFFSET, LENGTH], ...]}
where the file "expected" holds the bytes of the ranges, one after another. Standard output: a JSON array of answers
    {"readers": {NAME: "same" | what differs or went wrong}, "map": [what qemu-img map said of the ranges]}
in the order of the jobs.

Readers: qemu (qemu-img convert of the whole disk, or qemu-nbd where "convert" is false), libvmdk, dissect.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbd
import pyvmdk
from dissect.hypervisor.disk.vmdk import VMDK


def run(*arguments):
    done = subprocess.run(arguments, capture_output=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return done.stdout


def difference(job, expected, size, read):
    """Compares a reader, given the size it sees and its way to read a range."""
    if size != job["size"]:
        return f"size {size}, not {job['size']}"
    position = 0
    for offset, length in job["ranges"]:
        got = read(offset, length)
        want = expected[position : position + length]
        if got != want:
            first = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
            return f"differs at {offset + first}; {len(got)} of {length} bytes read at {offset}"
        position += length
    return "same"


def with_qemu(job, path, expected):
    if job["convert"]:
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(path)) as raw:
            run("qemu-img", "convert", "-f", "vmdk", "-O", "raw", path, raw.name)
            size = os.stat(raw.name).st_size
            with open(raw.name, "rb") as file:
                return difference(job, expected, size, lambda offset, length: os.pread(file.fileno(), length, offset))
    server = nbd.NBD()
    server.connect_systemd_socket_activation(["qemu-nbd", "-r", "-f", "vmdk", path])
    try:
        return difference(
            job, expected, server.get_size(), lambda offset, length: bytes(server.pread(length, offset)))
    finally:
        server.shutdown()


def open_libvmdk(path):
    handle = pyvmdk.handle()
    handle.open(str(path))
    handle.open_extent_data_files()
    handles = [handle]
    if handle.parent_content_identifier not in (None, 0xFFFFFFFF):
        handles += open_libvmdk(Path(path).parent / handle.parent_filename)
        handle.set_parent(handles[1])
    return handles


def with_libvmdk(job, path, expected):
    handles = open_libvmdk(path)
    try:
        return difference(
            job, expected, handles[0].media_size,
            lambda offset, length: handles[0].read_buffer_at_offset(length, offset))
    finally:
        for handle in handles:
            handle.close()


def with_dissect(job, path, expected):
    disk = VMDK(Path(path))

    # By sectors: its file-like read goes by larger blocks and fails where one reaches beyond the end of the disk.
    return difference(
        job, expected, disk.size, lambda offset, length: disk.read_sectors(offset // 512, length // 512))


READERS = {"qemu": with_qemu, "libvmdk": with_libvmdk, "dissect": with_dissect}


def answer(job):
    expected = Path(job["expected"]).read_bytes()
    said = {}
    for name, path in job["readers"].items():
        try:
            said[name] = READERS[name](job, path, expected)
        except Exception as error:
            said[name] = f"{type(error).__name__}: {error}"
    blocks = []
    try:
        for offset, length in job["map"]:
            blocks += json.loads(run(
                "qemu-img", "map", "-f", "vmdk", "--output=json",
                f"--start-offset={offset}", f"--max-length={length}", job["readers"]["qemu"]))
    except Exception as error:
        said["qemu-img map"] = f"{type(error).__name__}: {error}"
    return {"readers": said, "map": blocks}


def answers(jobs):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(answer, jobs))


json.dump(answers(json.load(sys.stdin)), sys.stdout)
