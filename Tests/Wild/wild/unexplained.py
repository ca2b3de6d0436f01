"""Devices that have content, of which the map says nothing but that they are there."""

CONTAINERS = "vpl"


def unexplained(guest, devices, mapped, run):
    """The devices, each with its size. Of a device that holds others, these are asked in its place."""
    found = []
    own = [line for line in mapped if line.kind in CONTAINERS]
    explained = {}
    for line in mapped:
        if line.kind not in CONTAINERS:
            explained.setdefault(line.disk, []).append(line)
    seen = set()
    for line in own:
        if line.device in seen:
            continue
        inside = any(
            line.start < other.end and other.start < line.end for other in explained.get(line.disk, []))
        if not inside and has_content(guest, devices, run, line):
            seen.add(line.device)
            found.append((line.device, line.end - line.start))
    return found


def has_content(guest, devices, run, line):
    """Whether the device's bytes on the disk are not all zeros; raw disks only can be asked."""
    file = guest.disks[devices.disks[line.disk][1] - 1]
    if file.stat().st_size != run.sizes[line.disk]:
        return True
    with file.open("rb") as opened:
        opened.seek(line.start)
        left = line.end - line.start
        while left > 0:
            chunk = opened.read(min(left, 1 << 20))
            if not chunk:
                return False
            if chunk.count(0) != len(chunk):
                return True
            left -= len(chunk)
    return False
