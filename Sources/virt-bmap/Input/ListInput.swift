import ArgumentParser
import RangeLists
import SystemPackage

/// How to read a list of ranges that another program wrote.
struct ListInput: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Format of the list: \(ListFormats.names.joined(separator: ", ")). The default is to recognize it.",
      valueName: "format"),
    completion: .list(ListFormats.names))
  var listFormat: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The blocks to take from a ddrescue mapfile, by their status. The default is -*/.", valueName: "CHARS"))
  var status: String?

  @Option(
    name: [.customShort("b"), .long],
    help: ArgumentHelp("Size of badblocks's blocks in bytes. The default is 1024.", valueName: "N"))
  var blockSize: ByteCount?

  /// Whether an option says how to read a list.
  var isGiven: Bool { listFormat != nil || status != nil || blockSize != nil }

  func validate() throws {
    if let listFormat, !ListFormats.names.contains(listFormat) {
      throw ValidationError("--list-format \(listFormat): give one of \(ListFormats.names.joined(separator: ", "))")
    }
    if let status, !DDRescue.areStatuses(Array(status.utf8)) {
      throw ValidationError("--status \(status): give characters of \(DDRescue.statusList)")
    }
    if let blockSize, !(1...ListOptions.largestBlock).contains(blockSize.value) {
      throw ValidationError("--block-size \(blockSize.value): give 1 to \(ListOptions.largestBlock)")
    }
  }

  /// Reads a list.
  /// - Parameter name: its file, or `-` for standard input.
  /// - Throws: `InputError`.
  func read(_ name: String) throws -> RangeList {
    let options = ListOptions(
      format: listFormat, statuses: status.map { Array($0.utf8) }, blockSize: blockSize?.value)
    do {
      guard name != "-" else { return try RangeListReader(options).read(FileDescriptor.standardInput) }
      let file = try FileDescriptor.open(filePath(name), .readOnly, options: [.closeOnExec])
      return try file.closeAfter { try RangeListReader(options).read(file) }
    } catch {
      throw InputError(shown(name), "\(error)")
    }
  }

  /// Checks that the ranges of a list lie on a disk.
  /// - Throws: `InputError` if the list cannot be about a disk of this size, in bytes.
  func fit(_ list: inout RangeList, named name: String, toDiskOf size: UInt64) throws {
    do {
      try list.fit(toDiskOf: size)
    } catch {
      throw InputError(shown(name), error.description)
    }
  }

  private func shown(_ name: String) -> String { name == "-" ? "standard input" : name }
}
