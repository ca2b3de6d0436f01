"""Translates device names: a run maps all guests of a group as one, and each guest alone would have other names."""

import re

# The names of devices in messages, which a space, a colon or a bracket ends.
NAME = re.compile(r"/dev/[^\s:,;()'\"]+")
DISK = re.compile(r"/dev/sd([a-z]+)(\d*)$")
ARRAY = re.compile(r"/dev/md(\d+)(p\d+)?$")


def letters(number):
    """Returns a for 1, aa for 27."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text


def number(text):
    value = 0
    for letter in text:
        value = value * 26 + ord(letter) - ord("a") + 1
    return value


class Devices:
    def __init__(self, group, run):
        self.disks = {}  # the guest, the number of its disk, by the number in the run
        for guest in group.guests:
            for index in range(len(guest.disks)):
                self.disks[len(self.disks) + 1] = (guest.name, index + 1)
        self.files = {str(disk): guest.name for guest in group.guests for disk in guest.disks}
        self.owners = {}
        self.arrays = {}  # arrays are counted anew in each guest
        for line in run.lines:
            guest = self.disks[line.disk][0]
            self.owners.setdefault(line.device, guest)
        counts = {}
        for device in sorted(self.owners, key=self.order):
            match = ARRAY.match(device)
            if match and match[1] not in self.arrays:
                guest = self.owners[device]
                self.arrays[match[1]] = counts.get(guest, 0)
                counts[guest] = self.arrays[match[1]] + 1

    def guest_of_disk(self, disk):
        return self.disks[disk][0]

    def guest_of(self, device):
        match = DISK.match(device)
        if match and number(match[1]) in self.disks:
            return self.disks[number(match[1])][0]
        return self.owners.get(device)

    def guest_of_message(self, message):
        for file, guest in self.files.items():
            if file in message:
                return guest
        for device in NAME.findall(message):
            if guest := self.guest_of(device.rstrip(".")):
                return guest
        return None

    def local(self, device):
        if match := DISK.match(device):
            disk = self.disks.get(number(match[1]))
            return f"/dev/sd{letters(disk[1])}{match[2]}" if disk else device
        if match := ARRAY.match(device):
            if match[1] in self.arrays:
                return f"/dev/md{self.arrays[match[1]]}{match[2] or ''}"
        return device

    def localized(self, message):
        """Returns the message with the names that the devices have in the guest alone, and files without their directories."""
        for file in self.files:
            message = message.replace(file, file.rsplit("/", 1)[1])
        return NAME.sub(lambda match: self.local(match[0].rstrip(".")) + ("." if match[0].endswith(".") else ""), message)

    def order(self, device):
        if match := DISK.match(device):
            return (0, number(match[1]), int(match[2] or 0), "")
        return (1, 0, 0, device)
