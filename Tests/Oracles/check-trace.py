#!/usr/bin/env python3
"""Reads a trace of `virt-bmap report --perfetto` with Perfetto's own classes, and compares it with the log.

   check-trace.py LOG TRACE

LOG is a log in JSON. Prints each violation of the format's rules and each difference, and fails if there is one.
"""
import collections
import json
import sys

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as protos

Event = protos.TrackEvent
problems = []


def expect(isRight, text):
    if not isRight:
        problems.append(text)


trace = protos.Trace()
data = open(sys.argv[2], "rb").read()
trace.ParseFromString(data)
trace.DiscardUnknownFields()
expect(trace.ByteSize() == len(data), "the trace has fields that Perfetto does not know")

tracks, names = {}, {"event": {}, "annotation": {}, "string": {}}
open_slices, last_time = {}, collections.defaultdict(int)
slices, counters = [], collections.defaultdict(list)
for number, packet in enumerate(trace.packet):
    expect(packet.trusted_packet_sequence_id == 1, f"packet {number}: another sequence")
    expect((packet.sequence_flags == protos.TracePacket.SEQ_INCREMENTAL_STATE_CLEARED) == (number == 0),
           f"packet {number}: flags {packet.sequence_flags}")
    for kind, entries in (("event", packet.interned_data.event_names),
                          ("annotation", packet.interned_data.debug_annotation_names)):
        for entry in entries:
            expect(entry.iid not in names[kind] and entry.iid != 0, f"packet {number}: {kind} {entry.iid} again")
            names[kind][entry.iid] = entry.name
    for entry in packet.interned_data.debug_annotation_string_values:
        expect(entry.iid not in names["string"] and entry.iid != 0, f"packet {number}: string {entry.iid} again")
        names["string"][entry.iid] = entry.str.decode()
    if packet.HasField("track_descriptor"):
        track = packet.track_descriptor
        expect(track.uuid != 0 and track.uuid not in tracks, f"packet {number}: track {track.uuid} again")
        expect(not track.HasField("parent_uuid") or track.parent_uuid in tracks,
               f"packet {number}: the parent of track {track.uuid} does not exist")
        tracks[track.uuid] = track
    if not packet.HasField("track_event"):
        continue
    event, time = packet.track_event, packet.timestamp
    uuid = event.track_uuid
    expect(uuid in tracks, f"packet {number}: track {uuid} does not exist")
    expect(time >= last_time[uuid], f"packet {number}: track {uuid} goes back")
    last_time[uuid] = time
    if event.type == Event.TYPE_COUNTER:
        expect(tracks[uuid].HasField("counter"), f"packet {number}: not a counter")
        counters[tracks[uuid].name].append((time, event.counter_value))
    elif event.type == Event.TYPE_SLICE_END:
        expect(uuid in open_slices, f"packet {number}: an end without a beginning")
        slices.append((*open_slices.pop(uuid, (0, {})), time))
    else:
        values = {names["annotation"][value.name_iid]: names["string"][value.string_value_iid]
                  if value.HasField("string_value_iid") else value.uint_value for value in event.debug_annotations}
        values["name"] = names["event"][event.name_iid]
        connection = tracks.get(tracks[uuid].parent_uuid)
        values["connection"] = connection.name
        values["disk"] = tracks[connection.parent_uuid].name
        expect(list(event.categories) == [values["operation"]], f"packet {number}: {event.categories}")
        if event.type == Event.TYPE_SLICE_BEGIN:
            expect(uuid not in open_slices, f"packet {number}: slices of track {uuid} overlap")
            open_slices[uuid] = (time, values)
        else:
            slices.append((time, values, None))
expect(not open_slices, f"{len(open_slices)} slices do not end")

words = {"f": "file", "d": "directory", "m": "metadata", "b": "boot", "s": "swap", "v": "disk", "p": "partition",
         "l": "volume", "u": "free", "a": "unwritten", "r": "parity"}
wanted = []
moved = collections.Counter()
for line in open(sys.argv[1], encoding="utf-8"):
    request = json.loads(line)
    time = round(request["time"] * 1e6) * 1000
    owner = next((piece["objects"][0] for piece in request["pieces"][:1] if piece["objects"]), None)
    values = {"offset": request["offset"], "length": request["length"], "operation": request["op"],
              "connection": f"connection {request['connection']}", "disk": f"disk {request['disk']}",
              "name": owner.get("path", owner["device"]) if owner else "no object"}
    if owner:
        values |= {"kind": words[owner["kind"]], "device": owner["device"]}
        if "path" in owner:
            values["path"] = owner["path"]
    if len(request["pieces"]) > 1:
        values["more objects"] = len(request["pieces"]) - 1
    if request["result"] != "ok":
        values["result"] = request["result"]
    wanted.append((time, values, time + round(request["latency"] * 1000)))
    moved["read" if request["op"] == "read" else "written"] += (
        request["length"] if request["op"] in ("read", "write") else 0)


def key(one):
    return json.dumps(one, sort_keys=True)


ours, theirs = collections.Counter(map(key, wanted)), collections.Counter(map(key, slices))
for name in list((ours - theirs).elements())[:5]:
    problems.append(f"not in the trace: {name}")
for name in list((theirs - ours).elements())[:5]:
    problems.append(f"only in the trace: {name}")
for name, values in counters.items():
    total = sum(value * (next_time - time) / 1e9 for (time, value), (next_time, _) in zip(values, values[1:]))
    expect(abs(total - moved[name]) <= 0.001 * moved[name] + len(values) * 4096, f"{name}: {total}, not {moved[name]}")
expect({name for name, count in moved.items() if count} == set(counters), f"the counters are {set(counters)}")
lanes = collections.Counter(track.parent_uuid for track in tracks.values() if track.name.startswith("lane"))
print(f"{len(slices)} slices, {len(tracks)} tracks, {max(lanes.values(), default=0)} lanes at most")
for problem in problems:
    print(problem, file=sys.stderr)
sys.exit(bool(problems))
