import LogReading

/// The tracks of a trace: one for each disk, below it one for each connection, and below that its lanes.
struct TraceTracks {
  /// More connections than this share a track without lanes.
  private static let maximumConnections = 4096

  private struct Connection: Hashable {
    var disk: Int
    var number: UInt32
  }

  private struct Lanes {
    var track: UInt64
    var lanes = RequestLanes()
    /// The tracks of the lanes.
    var tracks: [UInt64] = []
    /// The track of what has no lane.
    var others: UInt64?
  }

  private var disks: [Int: UInt64] = [:]
  private var connections: [Connection: Lanes] = [:]
  private var last: UInt64 = 0

  /// A track that is new: it has to be described before it is used.
  struct New {
    var id: UInt64
    var parent: UInt64?
    var name: String
    /// Where it is among the tracks with the same parent.
    var rank: UInt64
    /// The unit, if the track is a counter.
    var unit: String?
  }

  /// The track of a request, and whether the request can have an end on it.
  mutating func track(
    disk: Int, connection: UInt32, from begin: UInt64, to end: UInt64, describe: (New) -> Void
  ) -> (id: UInt64, hasLane: Bool) {
    let parent = track(ofDisk: disk, describe)
    var key = Connection(disk: disk, number: connection)
    // 0 is the number of no connection, and stands for the others.
    if connections[key] == nil, connections.count >= Self.maximumConnections { key.number = 0 }
    if connections[key] == nil {
      let name = key.number == 0 ? "other connections" : "connection \(key.number)"
      let track = new(name, parent: parent, rank: UInt64(key.number) + 2, describe)
      connections[key] = Lanes(track: track)
    }
    guard var found = connections[key] else { return (parent, false) }
    connections[key] = nil
    defer { connections[key] = found }
    guard key.number != 0, let lane = found.lanes.lane(from: begin, to: end) else {
      if let track = found.others { return (track, false) }
      let track = new("more requests", parent: found.track, rank: UInt64(RequestLanes.maximum), describe)
      found.others = track
      return (track, false)
    }
    if lane.isNew {
      found.tracks.append(new("lane \(lane.number + 1)", parent: found.track, rank: UInt64(lane.number), describe))
    }
    return (found.tracks[lane.number], true)
  }

  mutating func counter(_ name: String, unit: String, _ describe: (New) -> Void) -> UInt64 {
    last += 1
    describe(New(id: last, parent: nil, name: name, rank: last, unit: unit))
    return last
  }

  private mutating func track(ofDisk disk: Int, _ describe: (New) -> Void) -> UInt64 {
    if let track = disks[disk] { return track }
    let track = new("disk \(disk)", parent: nil, rank: UInt64(clamping: disk), describe)
    disks[disk] = track
    return track
  }

  private mutating func new(_ name: String, parent: UInt64?, rank: UInt64, _ describe: (New) -> Void) -> UInt64 {
    last += 1
    describe(New(id: last, parent: parent, name: name, rank: rank))
    return last
  }
}
