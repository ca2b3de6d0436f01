import DiskImage
import Glibc
import SystemPackage
import Testing

/// Hosted sparse extents that qemu-img does not write.
struct VMDKHeaderTests {
  private let workspace: Workspace

  init() throws { workspace = try Workspace() }

  /// A grain of 0x11, a hole, and a grain of 0x22. The directory is at sector 30, the redundant one at 31, the
  /// tables at 40 and 44.
  private func writer() -> SparseWriter {
    var writer = SparseWriter(capacity: 3 * 128)
    writer.flags = 3
    writer.redundantDirectory = 31
    writer.directory = 30
    writer.put([40], atSector: 30)
    writer.put([44], atSector: 31)
    writer.put([128, 0, 256], atSector: 40)
    writer.put([128, 0, 256], atSector: 44)
    writer.putGrain(0x11, atSector: 128)
    writer.putGrain(0x22, atSector: 256)
    writer.putDescriptor(descriptorText("monolithicSparse", ["RW 384 SPARSE \"x.vmdk\""]))
    return writer
  }

  private func expectContent(_ disk: any VirtualDisk, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let expected =
      [UInt8](repeating: 0x11, count: 65536) + [UInt8](repeating: 0, count: 65536)
      + [UInt8](repeating: 0x22, count: 65536)
    let same = try disk.size == 196608 && disk.bytes(at: 0, count: 196608) == expected
    #expect(same, sourceLocation: sourceLocation)
  }

  /// Checks that the writer is right before its broken images are used.
  @Test func qemuReadsTheWritersImage() async throws {
    let path = try writer().write(workspace, "disk.vmdk")
    try await QemuImg.convertBack(path, to: workspace("back.raw"))
    try expectContent(openDisk(at: workspace("back.raw")).disk)
    try expectContent(openDisk(at: path).disk)
  }

  @Test(arguments: [UInt32(1), 2, 3])
  func headerVersions(_ version: UInt32) throws {
    var writer = writer()
    writer.version = version
    let opened = try openDisk(at: writer.write(workspace, "disk.vmdk"))
    try expectContent(opened.disk)
    #expect(opened.warnings.isEmpty)
  }

  @Test(arguments: [UInt32(0), 4, .max])
  func unknownVersionsAreRefused(_ version: UInt32) throws {
    var writer = writer()
    writer.version = version
    #expect(try refusal(writer.write(workspace, "disk.vmdk")).message.contains("header version \(version)"))
  }

  @Test func aRenamedFileIsStillItsOwnExtent() throws {
    // The file with the name in the descriptor is not opened.
    try workspace.write([1], to: "x.vmdk")
    try expectContent(openDisk(at: writer().write(workspace, "other.vmdk")).disk)
  }

  @Test func aBareExtentOpensWithAWarning() throws {
    var writer = writer()
    writer.descriptorSector = 0
    let opened = try openDisk(at: writer.write(workspace, "disk-s001.vmdk"))
    try expectContent(opened.disk)
    #expect(opened.warnings.count == 1 && opened.warnings[0].contains("has no descriptor"))
  }

  @Test func anUncleanShutdownIsAWarning() throws {
    var writer = writer()
    writer.unclean = 1
    let opened = try openDisk(at: writer.write(workspace, "disk.vmdk"))
    try expectContent(opened.disk)
    #expect(opened.warnings.count == 1 && opened.warnings[0].contains("not closed cleanly"))
  }

  @Test func anUnallocatedTableIsAHole() throws {
    var writer = writer()
    writer.put([0], atSector: 30)
    writer.put([0], atSector: 31)
    let disk = try openDisk(at: writer.write(workspace, "disk.vmdk")).disk
    #expect(try disk.extents() == [DiskExtent(range: 0..<196608, state: .hole)])
    #expect(try disk.bytes(at: 0, count: 196608).allSatisfy { $0 == 0 })
  }

  @Test func smallTablesAndGrains() throws {
    var writer = SparseWriter(capacity: 8 * 7)
    writer.grainSectors = 8
    writer.entriesPerTable = 2
    writer.put([4, 5, 0, 6], atSector: 1)
    writer.put([16, 24], atSector: 4)
    writer.put([0, 32], atSector: 5)
    writer.put([40], atSector: 6)
    for (byte, sector) in zip(1..., [UInt64(16), 24, 32, 40]) { writer.putGrain(UInt8(byte), atSector: sector) }
    let disk = try openDisk(at: writer.write(workspace, "disk.vmdk")).disk
    let bytes = try disk.bytes(at: 0, count: 7 * 4096)
    let lasts = stride(from: 4095, to: bytes.count, by: 4096).map { bytes[$0] }
    let expected: [UInt8] = [1, 2, 0, 3, 0, 0, 4]
    #expect(lasts == expected)
    #expect(try disk.extents().map(\.state) == [.data, .hole, .data, .hole, .data])
  }

  @Test func anEntryOf1IsZerosOnlyWhereTheHeaderSaysSo() throws {
    var writer = writer()
    writer.put([128, 1, 256], atSector: 40)
    writer.flags |= 4
    writer.version = 2
    let disk = try openDisk(at: writer.write(workspace, "disk.vmdk")).disk
    try expectContent(disk)
    #expect(try disk.extents().map(\.state) == [.data, .zero, .data])
    writer.flags = 1
    let damaged = try openDisk(at: writer.write(workspace, "disk2.vmdk"))
    #expect(try damaged.disk.extents().map(\.state) == [.data])
    #expect(try failure { _ = try damaged.disk.bytes(at: 65536, count: 1) }.errno == EIO)
    #expect(try damaged.disk.bytes(at: 0, count: 65536) == disk.bytes(at: 0, count: 65536))
    #expect(damaged.warnings.count == 1 && damaged.warnings[0].contains("65536 bytes of the disk cannot be read"))
  }

  // MARK: The redundant directory

  @Test func theRedundantDirectoryStandsInForABrokenOne() throws {
    var writer = writer()
    writer.put([1 << 30], atSector: 30)
    let broken = try openDisk(at: writer.write(workspace, "entry.vmdk"))
    try expectContent(broken.disk)
    #expect(broken.warnings.count == 1 && broken.warnings[0].contains("the copy is used"))

    writer = self.writer()
    writer.put([0], atSector: 30)
    let lost = try openDisk(at: writer.write(workspace, "lost.vmdk"))
    try expectContent(lost.disk)
    #expect(lost.warnings.count == 1 && lost.warnings[0].contains("the copy is used"))

    writer = self.writer()
    writer.directory = 1 << 40
    let missing = try openDisk(at: writer.write(workspace, "directory.vmdk"))
    try expectContent(missing.disk)
    #expect(missing.warnings.count == 1 && missing.warnings[0].contains("its copy is used"))
  }

  @Test func withoutTheFlagThereIsNoCopy() throws {
    var writer = writer()
    writer.flags = 1
    writer.put([1 << 30], atSector: 30)
    let opened = try openDisk(at: writer.write(workspace, "disk.vmdk"))
    #expect(opened.warnings.count == 1 && opened.warnings[0].contains("grain directory entry at offset 15360"))
    let error = try failure { _ = try opened.disk.bytes(at: 0, count: 1) }
    #expect(error.errno == EIO)
    #expect(error.message.contains("grain directory entry at offset 15360"))
  }

  // MARK: Invalid headers

  struct Wrong: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let message: String
    let errno: Int32
    let change: @Sendable (inout SparseWriter) -> Void

    init(_ name: String, _ message: String, _ errno: Int32, _ change: @escaping @Sendable (inout SparseWriter) -> Void)
    {
      testDescription = name
      self.message = message
      self.errno = errno
      self.change = change
    }
  }

  static let wrong: [Wrong] = [
    Wrong("no grain size", "grain size of 0", EINVAL) { $0.grainSectors = 0 },
    Wrong("grain size 4", "grain size of 4", EINVAL) { $0.grainSectors = 4 },
    Wrong("grain size 100", "grain size of 100", EINVAL) { $0.grainSectors = 100 },
    Wrong("huge grain size", "grain size of", EINVAL) { $0.grainSectors = 1 << 63 },
    Wrong("no capacity", "capacity of 0", EINVAL) { $0.capacity = 0 },
    Wrong("capacity 2^64-1", "capacity of 18446744073709551615", EINVAL) { $0.capacity = .max },
    Wrong("capacity 2^55", "capacity of", EINVAL) { $0.capacity = 1 << 55 },
    Wrong("capacity 2^53", "larger grain directory", EINVAL) { $0.capacity = 1 << 53 },
    Wrong("a directory longer than the file", "grain directory of", EIO) { $0.capacity = 1 << 40 },
    Wrong("no table entries", "0 entries a grain table", EINVAL) { $0.entriesPerTable = 0 },
    Wrong("too many table entries", "entries a grain table", EINVAL) { $0.entriesPerTable = .max },
    Wrong("no directory", "grain directory", EIO) { ($0.directory, $0.flags) = (0, 1) },
    Wrong("directory at the end, and no footer", "the footer", EIO) { $0.directory = .max },
    Wrong("directory in the header", "overlaps something else", EIO) { ($0.directory, $0.flags) = (0, 1) },
    Wrong("directory in the descriptor", "overlaps something else", EIO) { ($0.directory, $0.flags) = (3, 1) },
    Wrong("both directories outside", "grain directory", EIO) {
      ($0.directory, $0.redundantDirectory) = (1024, .max - 1)
    },
    Wrong("another compression", "compression algorithm 2", ENOTSUP) {
      ($0.flags, $0.compression) = ($0.flags | 1 << 16, 2)
    },
    Wrong("markers without compression", "markers but no compression", ENOTSUP) { $0.flags |= 1 << 17 },
    Wrong("large compressed grains", "a compressed grain of 4096 sectors", EINVAL) {
      ($0.flags, $0.compression, $0.grainSectors) = ($0.flags | 1 << 16, 1, 4096)
    },
    Wrong("line ends", "offset 73", EINVAL) { $0.newlines = [0x0a, 0x20, 0x0a, 0x0a] },
    Wrong("descriptor outside", "descriptor of 4096 bytes", EIO) { $0.descriptorSector = 1020 },
    Wrong("descriptor far outside", "descriptor of", EIO) { $0.descriptorSector = .max },
    Wrong("huge descriptor", "descriptor of", EINVAL) { $0.descriptorSectors = .max },
    Wrong("capacity below the descriptor's", "holds 131072 bytes", EINVAL) { $0.capacity = 256 },
    Wrong("capacity above the descriptor's", "holds 262144 bytes", EINVAL) { $0.capacity = 512 },
    Wrong("a flat file inside", "one SPARSE extent", EINVAL) {
      $0.putDescriptor(descriptorText("monolithicSparse", ["RW 384 FLAT \"/etc/passwd\" 0"]))
    },
    Wrong("two extents inside", "one SPARSE extent", EINVAL) {
      $0.putDescriptor(descriptorText("monolithicSparse", ["RW 384 SPARSE \"a\"", "RW 384 SPARSE \"b\""]))
    },
    Wrong("a snapshot of nothing", "(parentCID 1234abcd), but has no parentFileNameHint", EINVAL) {
      $0.putDescriptor(descriptorText("monolithicSparse", ["RW 384 SPARSE \"a\""], parentCID: "1234ABCD"))
    },
  ]

  @Test(arguments: wrong)
  func isRefused(_ wrong: Wrong) throws {
    var writer = writer()
    wrong.change(&writer)
    let path = try writer.write(workspace, "disk.vmdk")
    let error = try refusal(path)
    #expect(error.description.hasPrefix("\(path): "))
    #expect(error.message.contains(wrong.message), "\(error)")
    #expect(error.errno == wrong.errno)
  }

  @Test func otherMagicsAreNamed() throws {
    let cowd = try workspace.write(Array("COWD".utf8) + [UInt8](repeating: 0, count: 2048), to: "a.vmdk")
    #expect(try refusal(cowd).message.contains("COWD"))
    let se = try workspace.write([0xbe, 0xba, 0xfe, 0xca] + [UInt8](repeating: 0, count: 2048), to: "b.vmdk")
    #expect(try refusal(se).message.contains("seSparse"))
    #expect(try refusal(workspace.write("KDMV", to: "c.vmdk")).message.contains("fewer than a VMDK header"))
    #expect(try refusal(workspace.write("KD", to: "d.vmdk")).message.contains("is not a VMDK"))
  }
}
