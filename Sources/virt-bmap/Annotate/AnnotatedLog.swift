import AccessLog
import BlockMap
import Bytes
import Traces

/// Where a log is written to.
protocol LogDestination: TextOutput, ~Copyable {
  /// Passes on what has been written, because nothing may follow for a while.
  mutating func passOn() throws
}

extension StandardOutput: LogDestination {
  mutating func passOn() throws { try flush() }
}

extension FileOutput: LogDestination {
  mutating func passOn() {}
}

/// Makes a log of the requests of a trace.
struct AnnotatedLog {
  /// NBD and the kernel have no larger requests. Each 2 MiB of a request takes some time.
  private static let longestRequest: UInt64 = 1 << 32

  /// The size of each disk in bytes, the first disk first.
  private let sizes: [UInt64]
  private var choice: DiskChoice
  private var attribution: Attribution
  private var format: any LogFormat

  init(map: BlockMap, selection: ObjectSelection, choice: DiskChoice, format: any LogFormat) {
    sizes = map.sizesOfDisks
    self.choice = choice
    self.format = format
    attribution = Attribution(index: MapIndex(map), selection: selection)
  }

  /// Writes the log of a whole trace.
  /// - Throws: `InputError` if the trace cannot be read, is not of the map's disks, or has devices that `choice` does
  ///   not know.
  mutating func write(_ input: inout TraceInput, to output: inout some LogDestination & ~Copyable) throws {
    while try input.read() {
      try choice.update(input.events.sources, name: input.name)
      // From here on, the requests of each device are only counted, for the message.
      guard !choice.isAmbiguous else { continue }
      for request in input.events.requests where !choice.isAmbiguous { try add(request, input.name, to: &output) }
      if input.isIdle {
        try output.append { format.endLine(in: &$0) }
        try output.passOn()
      }
    }
    try choice.check(input.events.sources, name: input.name)
    try output.append { format.endLine(in: &$0) }
  }

  private mutating func add(
    _ request: TracedRequest, _ name: String, to output: inout some LogDestination & ~Copyable
  ) throws {
    guard let disk = choice.disk(of: request.source) else { return }
    var event = request.event
    event.disk = disk
    if let error = error(request, on: disk, name) {
      // A failed request can be about bytes that the disk does not have. There is nothing to name.
      guard event.errno ?? 0 == 0 else { return }
      return try choice.contradict(error)
    }
    try output.append { format.append(event, attribution(event), attribution.map, to: &$0) }
  }

  /// Why a request cannot be of this disk; nil if it can be. A disk can end within a sector.
  private func error(_ request: TracedRequest, on disk: UInt8, _ name: String) -> InputError? {
    let range = request.event.range
    let size = sizes.indices.contains(Int(disk) - 1) ? sizes[Int(disk) - 1] : 0
    let isTooLong = range.upperBound - range.lowerBound > Self.longestRequest
    guard isTooLong || range.upperBound > size && range.upperBound - size >= 512 else { return nil }
    let operation = request.event.operation.word
    let start = "line \(request.line): a \(operation) of bytes \(range.lowerBound)-\(range.upperBound)"
    guard !isTooLong else { return InputError(name, "\(start): a request can have at most 4 GiB") }
    return InputError(
      name,
      """
      \(start), but disk \(disk) of the map has \(size) bytes: is this a trace of another disk, or of a partition?
      """)
  }
}

extension BlockMap {
  /// A map in the 2014 format does not say sizes, but has a range for each whole disk.
  fileprivate var sizesOfDisks: [UInt64] {
    guard disks.isEmpty else { return disks.map(\.size) }
    return ranges.reduce(into: []) { sizes, range in
      while sizes.count < range.disk { sizes.append(0) }
      sizes[Int(range.disk) - 1] = max(sizes[Int(range.disk) - 1], range.range.upperBound)
    }
  }
}
