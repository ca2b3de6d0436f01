"""Reports the results for each guest of a group, in lines."""

import re

from wild.devices import Devices
from wild.unexplained import unexplained

KINDS = "fdmsbrua"
ARRAY = re.compile(r"/dev/md\d+")


def report(group, run):
    """Yields the name of each guest, its lines, and its faults, which no expected line can excuse."""
    devices = Devices(group, run)
    warnings = {guest.name: [] for guest in group.guests}
    loose = []
    for prefix, messages in (("", run.messages), ("verify: ", run.verify_messages)):
        for message in messages:
            guest = devices.guest_of_message(message)
            (warnings[guest] if guest else loose).append((prefix, message))
    found = []
    for guest in group.guests:
        lines, faults = [guest.name], []
        mapped = [line for line in run.lines if devices.guest_of_disk(line.disk) == guest.name]
        here = {line.device for line in mapped}
        for device in sorted(here, key=devices.order):
            about = describe(device, mapped, run)
            if about:
                lines.append(f"    {devices.local(device)}: {about}")
        for filesystem in run.filesystems:
            if devices.guest_of(filesystem["device"]) == guest.name:
                lines.append(f"    {devices.local(filesystem['device'])}: {verdict(filesystem)}")
        for wrong in run.wrong:
            if devices.guest_of(wrong["device"]) == guest.name:
                faults.append(f"wrong {devices.local(wrong['device'])} {wrong['path']}: {wrong['reason']}")
        disks = [sizes for disk, sizes in run.accounted.items() if devices.guest_of_disk(disk) == guest.name]
        if disks:
            size, accounted = (sum(sizes) for sizes in zip(*disks))
            # Rounded down, so that 100.00 % means every byte.
            share = 10000 * accounted // size if size else 10000
            lines.append(f"    {share // 100}.{share % 100:02} % of {size} bytes accounted for")
        for device, size in unexplained(guest, devices, mapped, run):
            lines.append(f"    {devices.local(device)}: {size} bytes are not explained")
            if not is_named(device, run, warnings[guest.name], loose):
                faults.append(f"{devices.local(device)}: has content, and neither the map nor a warning says what it is")
        lines += [f"    {prefix}{devices.localized(message)}" for prefix, message in warnings[guest.name]]
        found.append((guest.name, lines, faults))
    # Messages that concern no single guest belong to the run.
    lines = [f"[{group.name}] status {run.status}, of verify {run.verify_status}"]
    # The numbers of arrays may differ from run to run.
    lines += sorted(f"    {prefix}{re.sub(ARRAY, '/dev/md?', devices.localized(message))}" for prefix, message in loose)
    found.append((lines[0].split()[0], lines, []))
    return found


def is_named(device, run, warnings, loose):
    """Returns whether a warning is about the device or, if it is a member of a group or an array, about what is made of it.
    An array without a line in the map may belong to any guest."""
    if any(re.search(rf"{re.escape(device)}(?![\w/])", message) for _, message in warnings):
        return True
    made = r"/dev/(?!sd)\w"
    return "_member" in run.types.get(device, "") and any(re.search(made, message) for _, message in warnings + loose)


def describe(device, mapped, run):
    """Returns how many bytes of each kind the device has in the map, and what the header says about it."""
    sums = {}
    objects = {}
    for line in mapped:
        if line.device == device and line.kind not in "vpl":
            sums[line.kind] = sums.get(line.kind, 0) + line.end - line.start
            objects.setdefault(line.kind, set()).add(line.path)
    kinds = [f"{kind} {len(objects[kind])} objects {sums[kind]} bytes" for kind in sorted(sums, key=KINDS.find)]
    return ", ".join(filter(None, [run.types.get(device, ""), *kinds]))


def verdict(filesystem):
    text = f"{filesystem['proved']} proved, {filesystem['excepted']} excepted"
    if filesystem.get("reasons"):
        text += " (" + ", ".join(f"{count} {reason}" for reason, count in sorted(filesystem["reasons"].items())) + ")"
    text += f", {filesystem['wrong']} wrong"
    if filesystem.get("unverified"):
        text += f", {filesystem['unverified']} not verified"
    return text
