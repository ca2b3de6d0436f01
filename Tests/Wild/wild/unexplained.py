"""Finds devices with content about which the map says no more than their names, tables and headers."""

CONTAINERS = "vpl"
# The metadata of a volume manager, an array's parity and free space do not explain the rest of a device.
HEADERS = {"md superblock", "LVM label", "LVM metadata", "LVM metadata 2", "LUKS header"}


def unexplained(guest, devices, mapped, run):
    """Returns the devices, each with its size. A device that holds others is left out, because the others are looked at."""
    found = []
    headers, contents = {}, {}
    for line in mapped:
        if line.kind in CONTAINERS:
            continue
        lines = headers if line.kind in "bru" or line.path in HEADERS else contents
        lines.setdefault(line.disk, []).append(line)
    containers = [line for line in mapped if line.kind in CONTAINERS]
    seen = set()
    for line in containers:
        if line.device in seen:
            continue
        inside = [other for other in contents.get(line.disk, []) if overlap(line, other)]
        # Partitions and volumes inside are checked by themselves.
        parts = [
            other for other in containers
            if other is not line and other.disk == line.disk and overlap(line, other) and is_part(other, line)]
        if inside:
            continue
        left = outside(line, headers.get(line.disk, []) + parts)
        if any(has_content(guest, devices, run, line.disk, start, end) for start, end in left):
            seen.add(line.device)
            found.append((line.device, line.end - line.start))
    return found


def overlap(one, other):
    return one.start < other.end and other.start < one.end


def is_part(other, line):
    """Returns whether a container lies in another, or is the inner one of two of the same size."""
    if (other.start, other.end) == (line.start, line.end):
        return CONTAINERS.find(other.kind) > CONTAINERS.find(line.kind)
    return line.start <= other.start and other.end <= line.end


def outside(line, others):
    """Returns the parts of a line's range that no other line has."""
    position = line.start
    for other in sorted(others, key=lambda other: other.start):
        if other.start > position:
            yield position, min(other.start, line.end)
        position = max(position, other.end)
        if position >= line.end:
            return
    yield position, line.end


def has_content(guest, devices, run, disk, start, end):
    """Returns whether any of the bytes is not zero; only raw disks can be read."""
    file = guest.disks[devices.disks[disk][1] - 1]
    if file.stat().st_size != run.sizes[disk]:
        return True
    with file.open("rb") as opened:
        opened.seek(start)
        while start < end:
            chunk = opened.read(min(end - start, 1 << 20))
            if not chunk:
                return False
            if chunk.count(0) != len(chunk):
                return True
            start += len(chunk)
    return False
