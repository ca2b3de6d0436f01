import ArgumentParser
import BlockMap
import Traces

/// Says which disk of the map each source of a trace is.
struct DiskChoice {
  private enum Rule {
    /// The sources that the user named are these disks, and others are left out.
    case named([[UInt8]: UInt8])
    /// Sources are numbers of disks. Only one disk is wanted, or all.
    case numbers(only: UInt8?)
    /// There is only one source, which is this disk.
    case single(UInt8)
  }

  /// How many sources a message lists.
  private static let mostListed = 16

  private let map: BlockMap
  private let rule: Rule
  /// What is known about a source.
  private enum Verdict {
    /// It has no requests yet.
    case open
    case leftOut
    case disk(UInt8)
  }

  /// By the number of the source.
  private var verdicts: [Verdict] = []
  /// Whether there are several sources, and nothing says which one is meant.
  private(set) var isAmbiguous = false
  /// How many sources have requests.
  private var decided = 0
  /// Why the only source cannot be the disk that it was taken for. There may be another one further on.
  private var contradiction: InputError?

  /// - Parameters:
  ///   - arguments: `NAME=DISK`.
  ///   - only: the disk that the user wants.
  ///   - namesDisks: whether the names of sources are numbers of disks.
  /// - Throws: `ValidationError`.
  init(_ arguments: [String], only: Int?, map: BlockMap, namesDisks: Bool) throws {
    self.map = map
    let only = only.map { UInt8(clamping: $0) }
    guard !arguments.isEmpty else {
      rule = namesDisks ? .numbers(only: only) : .single(only ?? 1)
      return
    }
    // A map in the 2014 format does not say how many disks it covers.
    let most = map.disks.isEmpty ? Int(UInt8.max) : map.disks.count
    var named: [[UInt8]: UInt8] = [:]
    for argument in arguments {
      let bytes = ArgumentBytes.decode(argument)
      guard let equals = bytes.lastIndex(of: UInt8(ascii: "=")),
        let disk = UInt8(String(decoding: bytes[(equals + 1)...], as: UTF8.self)), (1...most).contains(Int(disk))
      else {
        throw ValidationError("--source \(argument): give NAME=DISK, where DISK is from 1 to \(most)")
      }
      named[Array(bytes[..<equals])] = disk
    }
    rule = .named(named)
  }

  /// The disk of a source that has requests; nil if they are left out.
  @inline(__always)
  func disk(of source: Int) -> UInt8? {
    guard case .disk(let disk) = verdicts[source] else { return nil }
    return disk
  }

  /// Decides about sources that have their first requests.
  /// - Parameter name: of the trace, for messages.
  /// - Throws: `InputError` if a source cannot be the disk that it should be.
  mutating func update(_ sources: TraceSources, name: String) throws {
    for source in sources.names.indices where sources.requests[source] > 0 {
      if source >= verdicts.count {
        verdicts += Array(repeating: .open, count: sources.names.count - verdicts.count)
      }
      guard case .open = verdicts[source] else { continue }
      if case .single = rule, decided > 0 { isAmbiguous = true }
      decided += 1
      guard let disk = try choose(sources.names[source], name) else {
        verdicts[source] = .leftOut
        continue
      }
      verdicts[source] = .disk(disk)
      try checkSize(of: source, sources, disk, name)
    }
  }

  private mutating func checkSize(of source: Int, _ sources: TraceSources, _ disk: UInt8, _ name: String) throws {
    guard let size = sources.sizes[source], let expected = map.size(ofDisk: Int(disk)),
      max(size, expected) - min(size, expected) >= 512
    else { return }
    try contradict(
      InputError(
        name,
        """
        the export "\(Self.shown(sources.names[source]))" has \(size) bytes, but disk \(disk) of the map has \
        \(expected): is this a trace of another disk?
        """))
  }

  private func choose(_ source: [UInt8], _ name: String) throws -> UInt8? {
    switch rule {
    case .single(let disk): return disk
    case .named(let named): return named[source]
    case .numbers(let only):
      let number = UInt8(String(decoding: source, as: UTF8.self))
      guard let number, number > 0, map.disks.isEmpty || Int(number) <= map.disks.count else {
        throw InputError(
          name,
          """
          requests of disk \(Self.shown(source)), but the map has \(counted(map.disks.count, "disk")): say which disk \
          it is with --source \(Self.shown(source))=DISK
          """)
      }
      return only.map { $0 == number } ?? true ? number : nil
    }
  }

  /// Takes note that a source cannot be the disk that it should be.
  /// - Throws: `error`, unless it is only a guess that the source is this disk.
  mutating func contradict(_ error: InputError) throws {
    guard case .single = rule else { throw error }
    contradiction = error
    isAmbiguous = true
  }

  /// Checks at the end of the trace that it has the requests that were asked for.
  /// - Throws: `InputError`.
  func check(_ sources: TraceSources, name: String) throws {
    let found = sources.names.indices.filter { sources.requests[$0] > 0 }
    guard !found.isEmpty else { throw InputError(name, "there is no request in this trace") }
    if let contradiction, found.count == 1 { throw contradiction }
    if isAmbiguous {
      let list = Self.list(found, sources)
      throw InputError(name, "requests of several devices: \(list); say which disk each is with --source NAME=DISK")
    }
    guard case .named(let named) = rule else { return }
    let missing = named.keys.filter { name in !found.contains { sources.names[$0] == name } }
    guard !missing.isEmpty else { return }
    let names = missing.sorted { $0.lexicographicallyPrecedes($1) }.map(Self.shown).joined(separator: ", ")
    let error = InputError(name, "no request of \(names) in this trace, but of \(Self.list(found, sources))")
    // A disk can be idle.
    guard missing.count < named.count else { throw error }
    Messages.error("\(error)")
  }

  /// Sources with the number of their requests, the most first.
  private static func list(_ found: [Int], _ sources: TraceSources) -> String {
    let sorted = found.sorted { (sources.requests[$0], $1) > (sources.requests[$1], $0) }
    let listed = sorted.prefix(mostListed).map { source in
      let name = sources.names[source].isEmpty ? "\"\"" : shown(sources.names[source])
      return "\(name) (\(sources.requests[source]))"
    }
    let more = sorted.count > mostListed ? [" and \(sorted.count - mostListed) more"] : []
    return listed.joined(separator: ", ") + more.joined()
  }

  private static func shown(_ name: [UInt8]) -> String { Escaping.text(Array(name.prefix(200)), as: .path) }
}
