import SystemPackage

/// A check that a server wrote a snapshot in an order which survives a crash at any time: each grain must be on
/// stable storage before a grain table entry refers to it.
///
/// It follows the calls of `pwrite64` and `fdatasync` in a log of strace.
struct StoreOrder {
  /// The number of grain table entries written.
  private(set) var entries = 0
  /// The entries that were written before their grains were on stable storage.
  private(set) var early: [String] = []

  private var tables: [Range<Int>] = []
  /// The offsets of grains that were written but are not on stable storage yet, and of those that are.
  private var written: Set<Int> = []
  private var stored: Set<Int> = []
  /// What each process is flushing, and the calls that have not returned yet.
  private var storing: [Substring: Set<Int>] = [:]
  private var unfinished: [Substring: Substring] = [:]

  /// - Parameters:
  ///   - trace: output of `strace -f -xx`.
  ///   - snapshot: the contents of the file afterwards.
  init(_ trace: String, of snapshot: [UInt8]) {
    func number(_ offset: Int, _ width: Int) -> Int {
      snapshot[offset..<offset + width].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    let grains = (number(12, 8) + 127) / 128
    for directory in [number(56, 8), number(48, 8)] {
      for table in 0..<(grains + 511) / 512 {
        let offset = number(directory * 512 + table * 4, 4) * 512
        tables.append(offset..<offset + 2048)
      }
    }
    for line in trace.split(separator: "\n") {
      guard let space = line.firstIndex(of: " ") else { continue }
      let (process, rest) = (line[..<space], line[space...].drop { $0 == " " })
      if rest.hasPrefix("<... ") {
        if let call = unfinished.removeValue(forKey: process) { end(call, of: process) }
      } else {
        begin(rest, of: process)
        if rest.contains("<unfinished") { unfinished[process] = rest } else { end(rest, of: process) }
      }
    }
  }

  private mutating func begin(_ call: Substring, of process: Substring) {
    if call.hasPrefix("fdatasync") { storing[process] = written }
    guard let (bytes, offset) = write(call), tables.contains(where: { $0.contains(offset) }) else { return }
    for start in stride(from: 0, to: bytes.count, by: 4) {
      let sector = bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
      guard sector != 0 else { continue }
      entries += 1
      if !stored.contains(sector * 512) { early.append("sector \(sector), by \(call.suffix(60))") }
    }
  }

  private mutating func end(_ call: Substring, of process: Substring) {
    if call.hasPrefix("fdatasync"), let done = storing.removeValue(forKey: process) {
      stored.formUnion(done)
      written.subtract(done)
    }
    if let (_, offset) = write(call), offset % 65536 == 0 { written.insert(offset) }
  }

  /// The bytes and the offset in a call such as `pwrite64(4, "\x01\x02"..., 2, 4096`.
  private func write(_ call: Substring) -> (bytes: [UInt8], offset: Int)? {
    let parts = call.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
    guard call.hasPrefix("pwrite64("), parts.count == 3 else { return nil }
    let bytes = parts[1].split(separator: "\\x").compactMap { UInt8($0, radix: 16) }
    let numbers = parts[2].split { !"0123456789".contains($0) }.compactMap { Int($0) }
    return numbers.count >= 2 ? (bytes, numbers[1]) : nil
  }
}
