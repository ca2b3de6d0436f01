import SystemPackage
import Testing

/// A guest's disk, its map, and the outcome of the run that made it.
struct MappedGuest: Sendable {
  /// The raw disk.
  var disk: FilePath
  var file: FilePath
  var map: MapText
  var outcome: Outcome
}

/// The maps that many tests use, made once per test run.
enum Maps {
  static let layers = Shared {
    let guest = try await Guests.layers.value
    return try await make("layers", guest.appending("layers.raw"), ["--machine-readable"])
  }

  static let layersRead = Shared {
    let guest = try await Guests.layers.value
    return try await make("layers-read", guest.appending("layers.raw"), ["--method", "read"])
  }

  static let raid = Shared {
    let guest = try await Guests.raid.value
    return try await make("raid", guest.appending("raid.raw"), [])
  }

  static let raidRead = Shared {
    let guest = try await Guests.raid.value
    return try await make("raid-read", guest.appending("raid.raw"), ["--method", "read"])
  }

  static let windows = Shared {
    let guest = try await Guests.windows.value
    return try await make("windows-map", guest.appending("windows.raw"), ["-q"])
  }

  static let windowsRead = Shared {
    let guest = try await Guests.windows.value
    return try await make("windows-read", guest.appending("windows.raw"), ["-q", "--method", "read"])
  }

  static let unwritten = Shared {
    let guest = try await Guests.unwritten.value
    return try await make("unwritten-map", guest.appending("unwritten.raw"), ["-q"])
  }

  static let unwrittenRead = Shared {
    let guest = try await Guests.unwritten.value
    return try await make("unwritten-read", guest.appending("unwritten.raw"), ["-q", "--method", "read"])
  }

  static let space = Shared {
    let guest = try await Guests.space.value
    return try await make("space-map", guest.appending("space.raw"), ["-q"])
  }

  static let stacks = Shared {
    let guest = try await Guests.stacks.value
    return try await make("stacks-map", guest.appending("stacks.raw"), ["-q", "--key", "all:key:stacks key"])
  }

  static let demo = Shared {
    let guest = try await Guests.demo.value
    return try await make("guest", guest.appending("guest.raw"), ["-q"])
  }

  private static func make(_ name: String, _ disk: FilePath, _ options: [String]) async throws -> MappedGuest {
    let run = try MapperRun()
    // Not in the scratch directory: it must outlive `run`.
    let file = Products.package.appending(".build/integration/\(name).bmap")
    let outcome = try await run(options + ["-o", file, disk])
    guard outcome.end == .exited(0) else {
      throw TestFailure("virt-bmap \(disk): \(outcome.end): \(outcome.errors.text)")
    }
    try await run.expectNothingLeft()
    return MappedGuest(disk: disk, file: file, map: try MapText(contentsOf: file), outcome: outcome)
  }
}

/// Checks that a map equals the demo guest's map, except for the header line that describes the disk.
func expectDemoMap(_ path: FilePath, header: String) async throws {
  let expected = try await Maps.demo.value
  let lines = try [UInt8](contentsOf: path).split(separator: 0x0a)
  let wanted = try [UInt8](contentsOf: expected.file).split(separator: 0x0a)
  #expect(lines.count > 400 && lines.count == wanted.count)
  for (line, other) in zip(lines, wanted) where line != other {
    #expect(line.elementsEqual(header.utf8), "\(Array(line).text) is not \(Array(other).text)")
  }
  #expect(lines.contains { $0.elementsEqual(header.utf8) })
}
