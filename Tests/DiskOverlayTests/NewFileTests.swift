import DiskImage
import Foundation
import SystemPackage
import Testing

@testable import DiskOverlay

/// An overlay's file gets its name once it is complete, on filesystems with and without unnamed files (O_TMPFILE).
struct NewFileTests {
  private let bench: SnapshotBench
  private var path: FilePath { bench.directory.appending("overlay") }

  init() throws { bench = try SnapshotBench(size: 1 << 20) }

  /// All names except the disk's.
  private var names: [String] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: bench.directory.string).filter { $0 != "base.vmdk" }.sorted()
    }
  }

  @Test(arguments: [true, false])
  func hasItsNameWhenItIsWhole(_ allowingUnnamed: Bool) throws {
    var (file, isNew) = try StoredFile.open(path, allowingUnnamed: allowingUnnamed)
    #expect(isNew)
    #expect(try !names.contains("overlay") && names.allSatisfy { $0.hasPrefix(".virt-bmap-") })
    if !allowingUnnamed { #expect(try names.count == 1) }
    try file.truncate(to: 4096)
    try file.publish()
    #expect(try names == ["overlay"])
    // The file stays locked by this server all the time.
    let busy = #expect(throws: DiskError.self) { try StoredFile.open(path) }
    #expect(busy?.errno == EBUSY)
    file.close()
    file.remove()
    #expect(try names == ["overlay"])
    (file, isNew) = try StoredFile.open(path)
    #expect(!isNew)
    file.close()
  }

  /// If two servers create an overlay with the same name, the first to complete it keeps it.
  @Test(arguments: [true, false])
  func takesNoNameFromAnother(_ allowingUnnamed: Bool) throws {
    var (file, _) = try StoredFile.open(path, allowingUnnamed: allowingUnnamed)
    try Data("another's".utf8).write(to: URL(fileURLWithPath: path.string))
    let error = #expect(throws: DiskError.self) { try file.publish() }
    #expect(error?.errno == EBUSY)
    file.close()
    file.remove()
    #expect(try names == ["overlay"])
    #expect(try Data(contentsOf: URL(fileURLWithPath: path.string)) == Data("another's".utf8))
  }

  /// An overlay that cannot be created leaves nothing behind.
  @Test(arguments: [true, false])
  func isGoneWhereItCannotBeBegun(_ allowingUnnamed: Bool) throws {
    // Larger than any file can be.
    let header = OverlayHeader(
      diskSize: UInt64(Int64.max), changed: 0, identity: Array(repeating: 1, count: OverlayHeader.identitySize))
    #expect(throws: DiskError.self) { try OverlayFile.persistent(path, header, allowingUnnamed: allowingUnnamed) }
    #expect(try names == [])
  }

  @Test(arguments: [true, false])
  func ofBothKinds(_ allowingUnnamed: Bool) throws {
    let header = OverlayHeader(
      diskSize: 1 << 20, changed: 0, identity: Array(repeating: 1, count: OverlayHeader.identitySize))
    let (kept, isNew) = try OverlayFile.persistent(path, header, allowingUnnamed: allowingUnnamed)
    #expect(isNew)
    kept.file.close()
    let (again, isNewAgain) = try OverlayFile.persistent(path, header, allowingUnnamed: allowingUnnamed)
    #expect(!isNewAgain && again.header == header)
    again.file.close()
    #expect(try names == ["overlay"])
  }
}
