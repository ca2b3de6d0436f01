/// Passes untrusted bytes to a parser and checks the result.
///
/// To add one: write a file like the others, add a line to `all`, and put seeds into Tests/Fuzz/corpora/NAME.
struct ParserFuzzer: Sendable {
  /// The name of the parser, and of the directory with its inputs.
  let name: String
  private let run: @Sendable (UnsafeRawBufferPointer) throws -> Void

  static let all: [ParserFuzzer] = [
    .arrays, .blockMap, .btrfs, .btrfsSubvolumes, .cacheMetadata, .console, .deviceHeader, .devices, .deviceTable,
    .diskTable, .encryptedFiles, .exFAT, .exFATEntries, .extInode, .extInodeBlocks, .extMetadata, .f2fs, .fat,
    .fatEntries, .feedback, .guestAnswers, .guestExtent, .guestListing, .imageHeaders, .imsm, .logReport, .mapAnswers,
    .members, .ntfsMetadata, .ntfsRecords, .ntfsSpace, .overlay, .partitionTable, .rangeList, .recorderEvents,
    .records, .snapshot, .snapshotStore, .thinMetadata, .traces, .unnamedSpace, .vmdkDescriptor, .volumeMetadata,
    .walk, .xfsInodeBlocks, .xfsMetadata,
  ]

  /// - Parameter run: runs the parser; throws `Violation` if the result cannot be right. Rejecting the input is
  ///   always right.
  init(_ name: String, _ run: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void) {
    (self.name, self.run) = (name, run)
  }

  /// Makes a fuzzer for a parser of text.
  init(text name: String, _ run: @escaping @Sendable (String) throws -> Void) {
    self.init(name) { try run(String(decoding: $0, as: UTF8.self)) }
  }

  /// Describes a wrong result; nil if all is well. A trap ends the process.
  func violation(of bytes: UnsafeRawBufferPointer) -> String? {
    do {
      try run(bytes)
      return nil
    } catch {
      return "\(name): \(error)"
    }
  }
}

/// Something that no input may make a parser do.
struct Violation: Error, CustomStringConvertible {
  let description: String
}

func check(_ isRight: Bool, _ message: @autoclosure () -> String) throws(Violation) {
  guard isRight else { throw Violation(description: message()) }
}

/// Takes numbers from the start of a fuzzer's input; zeros at its end.
struct FuzzNumbers {
  private var rest: Slice<UnsafeRawBufferPointer>

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes[...] }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func next(_ bytes: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<bytes { value |= UInt64(rest.popFirst() ?? 0) << (8 * UInt64(index)) }
    return value
  }

  mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  mutating func take(_ count: Int) -> [UInt8] {
    let taken = Array(rest.prefix(count))
    rest = rest.dropFirst(count)
    return taken
  }

  mutating func all() -> [UInt8] { take(rest.count) }
}
