"""Reads what to map: guests, each with its disks, in groups that share a run."""

import dataclasses
import gzip
import lzma
import shutil


@dataclasses.dataclass
class Guest:
    name: str
    disks: list  # of paths


@dataclasses.dataclass
class Group:
    name: str
    options: list
    guests: list


# No image that is listed is larger than this.
LARGEST = 2 << 30


def read_guests(images, sources, directory):
    """Reads the list of images, and decompresses those that are compressed."""
    homes = {}
    for line in sources.read_text().splitlines():
        if line and not line.startswith("#"):
            full = line.split()[1]
            homes[full.split("==")[0]] = directory / full
    groups = []
    for line in images.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            name, _, options = line[1:].partition("]")
            groups.append(Group(name, options.split(), []))
            continue
        name, *words = line.split()
        disks = []
        for word in words:
            source, _, pattern = word.partition(":")
            home = homes[source]
            files = sorted(home.glob(pattern.replace("[", "[[]")))
            if not files:
                raise SystemExit(f"{name}: {home}/{pattern}: there is no such file")
            disks += [decompressed(file, directory / "images" / name) for file in files]
        groups[-1].guests.append(Guest(name, disks))
    return groups


def decompressed(file, home):
    """Returns the file's path, or that of its decompressed copy."""
    with file.open("rb") as opened:
        if opened.read(40).startswith(b"version https://git-lfs.github.com"):
            raise SystemExit(f"{file}: this is a pointer of Git LFS, not an image")
    opener = {".gz": gzip.open, ".xz": lzma.open}.get(file.suffix)
    if opener is None:
        return file
    target = home / file.stem
    if target.exists():
        return target
    home.mkdir(parents=True, exist_ok=True)
    partial = home / "partial"
    with opener(file, "rb") as source, partial.open("wb") as out:
        size = 0
        while chunk := source.read(1 << 20):
            size += len(chunk)
            if size > LARGEST:
                raise SystemExit(f"{file}: this is larger than {LARGEST} bytes when decompressed")
            if chunk.count(0) == len(chunk):
                out.seek(size)
            else:
                out.write(chunk)
        out.truncate(size)
    partial.rename(target)
    return target
