import SystemPackage
import Testing

/// The overlays that a guest can write to.
enum OverlayKind: String, CaseIterable, CustomTestStringConvertible {
  /// Discarded when the logger exits.
  case temporary
  /// The logger's own format, in a file.
  case persistent
  /// A snapshot that other programs can open.
  case vmdk

  /// The overlay's file, or nil for a temporary overlay.
  func file(in scratch: Scratch) -> FilePath? {
    switch self {
    case .temporary: nil
    case .persistent: scratch("overlay")
    case .vmdk: scratch("overlay.vmdk")
    }
  }

  /// The value of `overlay=`.
  func parameter(in scratch: Scratch) -> String { file(in: scratch)?.string ?? "temp" }

  var testDescription: String { rawValue }
}

/// A disk and the overlay with the guest's writes, after the logger has exited.
struct OverlaidDisk {
  var base: FilePath
  var kind: OverlayKind
  /// Where the overlay is.
  var scratch: Scratch

  /// Copies the disk with its overlay to a raw file. The logger reads an overlay in its own format; a VMDK is read
  /// without it.
  func copied(to copy: FilePath) async throws {
    let overlay = try #require(kind.file(in: scratch))
    if kind == .vmdk {
      try await expectSoundSnapshot()
      try await tool("qemu-img", ["convert", "-f", "vmdk", "-O", "raw", overlay, copy], limit: .seconds(600))
      // The logger must read the same data when it opens the snapshot again.
      try await served("qemu-img compare -f raw -F raw \"$uri\" \(copy)")
    } else {
      try await served("qemu-img convert -f raw -O raw \"$uri\" \(copy)")
    }
  }

  private func served(_ command: String) async throws {
    try await tool(
      "nbdkit",
      [
        "-U", "-", try Products.logger, base, "bmap=none", "logfile=\(scratch("copy.log"))",
        "overlay=\(kind.parameter(in: scratch))", "--run", command,
      ], limit: .seconds(600))
  }

  /// Checks that `qemu-img check` finds no errors, and that the disk is the snapshot's parent.
  private func expectSoundSnapshot() async throws {
    let overlay = try #require(kind.file(in: scratch))
    let check = try await run("qemu-img", ["check", "-f", "vmdk", overlay], limit: .seconds(300))
    #expect(check.end == .exited(0), "\(check.output.text)\(check.errors.text)")
    #expect(check.output.text.contains("No errors were found on the image."), "\(check.output.text)")
    let information = try await tool("qemu-img", ["info", "-f", "vmdk", "--backing-chain", overlay])
    #expect(information.outputLines.contains { $0.hasPrefix("backing file: ") && $0.contains(base.lastName) })
    #expect(information.outputLines.contains("    create type: monolithicSparse"))
  }
}

extension FilePath {
  fileprivate var lastName: String { lastComponent?.string ?? "" }
}

/// Checks that `e2fsck -n` finds no errors in a filesystem. It changes nothing.
/// - Parameter start: offset of the filesystem in the image, in bytes.
func expectSoundExt4(
  _ image: FilePath, at start: UInt64, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let check = try await run("e2fsck", ["-fn", "\(image)?offset=\(start)"], limit: .seconds(300))
  #expect(check.end == .exited(0), "\(check.output.text)", sourceLocation: sourceLocation)
}
