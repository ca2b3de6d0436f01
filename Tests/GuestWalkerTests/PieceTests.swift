import Glibc
import Testing
import WalkRecord

@testable import GuestWalker

private typealias Piece = FileLayout.Piece

/// Joining and splitting pieces of files.
@Suite struct PieceTests {
  @Test func neighboursAreJoined() {
    var pieces: [Piece] = []
    for (offset, physical) in [(0, 8192), (4096, 12_288), (8192, 4096), (16_384, 8192)] as [(UInt64, UInt64)] {
      pieces.join(Piece(offset: offset, length: 4096, layout: .exact, physical: physical))
    }
    // The third is not contiguous on the device, the last not in the file.
    #expect(pieces.map(\.offset) == [0, 8192, 16_384])
    #expect(pieces.map(\.length) == [8192, 4096, 4096])
    #expect(pieces.map(\.physical) == [8192, 4096, 8192])
  }

  @Test func joinedPiecesAreNoLargerThanTheLimit() {
    var pieces: [Piece] = []
    for block in 0..<10 as Range<UInt64> {
      pieces.join(
        Piece(offset: block * 1024, length: 1024, layout: .exact, physical: block * 1024 + 5120), upTo: 4096)
    }
    #expect(pieces.map(\.length) == [4096, 4096, 2048])
  }

  @Test func whatIsNowhereIsNotJoined() {
    var pieces: [Piece] = []
    for offset in [0, 4096] as [UInt64] { pieces.join(Piece(offset: offset, length: 4096, layout: .stream)) }
    #expect(pieces.count == 2)
  }

  @Test func aPieceIsTakenApart() {
    var pieces: [Piece] = []
    pieces.append(Piece(offset: 100, length: 2500, layout: .exact, physical: 5000), inPartsOf: 1000)
    pieces.append(Piece(offset: 9000, length: 10, layout: .stream), inPartsOf: .max)
    pieces.append(Piece(offset: 9000, length: 0, layout: .stream), inPartsOf: 1)
    #expect(pieces.map(\.offset) == [100, 1100, 2100, 9000])
    #expect(pieces.map(\.length) == [1000, 1000, 500, 10])
    #expect(pieces.map(\.physical) == [5000, 6000, 7000, nil])
  }

  @Test func piecesAtTheTopDoNotTrap() {
    var pieces: [Piece] = []
    pieces.append(Piece(offset: .max - 1, length: 4096, layout: .exact, physical: .max - 1), inPartsOf: 1024)
    pieces.join(Piece(offset: .max, length: 4096, layout: .exact, physical: .max))
    #expect(pieces.count == 5)
  }
}

/// How pieces that are known beforehand are read.
@Suite struct KnownPiecesTests {
  private let known = [
    Piece(offset: 0, length: 300_000, layout: .exact, physical: 10_240),
    Piece(offset: 307_200, length: 5000, layout: .exact, physical: 1_000_448),
  ]

  private func parts(_ filesystem: any WalkedFilesystem) -> [Piece] {
    var pieces = KnownPieces(known)
    var parts: [Piece] = []
    while !pieces.isComplete { parts += pieces.nextPage(for: filesystem) }
    return parts
  }

  @Test func theyAreReadThroughTheFile() throws {
    let scratch = try Scratch()
    let parts = parts(Other(try scratch.mount(), method: .read))
    #expect(parts == known)
    #expect(KnownPieces([]).isComplete)
  }

  @Test func minixIsReadFromTheDevice() throws {
    let scratch = try Scratch()
    let parts = parts(Minix(try scratch.mount(), method: .read))
    #expect(parts.map(\.isOnDevice) == [true, true] && parts.map(\.physical) == known.map(\.physical))
  }

  @Test func ntfs3gReadsPages() throws {
    let scratch = try Scratch()
    let large = parts(NTFS(try scratch.mount(), method: .read))
    #expect(large.map(\.length) == [131_072, 131_072, 37_856, 5000])
    #expect(large.allSatisfy { $0.around == nil })
    let small = parts(NTFS(try scratch.mount(blockSize: 512), method: .read))
    #expect(small.map(\.length) == large.map(\.length))
    #expect(small.first?.around == 8192..<143_360 && small.last?.around == 999_424..<1_007_616)
  }

  @Test func manyComeInPages() throws {
    let scratch = try Scratch()
    let filesystem = Other(try scratch.mount(), method: .read)
    let length = FileLayout.maximumPiece
    var pieces = KnownPieces([Piece(offset: 0, length: 200 * length + 1, layout: .exact, physical: 0)])
    #expect(pieces.nextPage(for: filesystem).count == FileLayout.pageSize)
    #expect(!pieces.isComplete)
    let rest = pieces.nextPage(for: filesystem)
    #expect(pieces.isComplete && rest.count == 201 - FileLayout.pageSize && rest.last?.length == 1)
  }
}

/// Pieces of files on filesystems that do not report where data is.
@Suite struct UnmappedPagesTests {
  private func pieces(_ filesystem: any WalkedFilesystem, size: UInt64) throws -> [Piece] {
    let descriptor = open(filesystem.mount.directory + "/file", O_RDONLY)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var layout = FileLayout(descriptor: descriptor, size: size, allocated: size, filesystem: filesystem)
    var pieces: [Piece] = []
    while !layout.isComplete { pieces += layout.seekPage() }
    return pieces
  }

  @Test func aFileIsReadInPieces() throws {
    let scratch = try Scratch()
    try scratch.write([UInt8](repeating: 1, count: 3 << 20), to: "file")
    let mount = try scratch.mount()
    let other = try pieces(Other(mount, method: .read), size: 3 << 20)
    #expect(other.map(\.length) == [UInt64](repeating: 512 << 10, count: 6))
    #expect(other.allSatisfy { $0.layout == .unproven && $0.physical == nil })
    let packed = try pieces(SquashFS(mount, method: .read), size: 3 << 20)
    #expect(packed.map(\.length) == [1 << 20, 1 << 20, 1 << 20] && packed.allSatisfy { $0.layout == .encoded })
    let ntfs = try pieces(NTFS(mount, method: .read), size: 3 << 20)
    #expect(ntfs.count == 24 && ntfs.allSatisfy { $0.layout == .stream })
  }

  @Test func holesAreNotRead() throws {
    let scratch = try Scratch()
    try scratch.write([1], to: "file", at: 8 << 20)
    try scratch.write([UInt8](repeating: 1, count: 1000), to: "file", at: 1 << 20)
    let pieces = try pieces(Other(scratch.mount(), method: .read), size: 8 << 20 + 1)
    #expect(pieces.contains { $0.offset <= 1 << 20 && $0.offset + $0.length >= 1 << 20 + 1000 })
    #expect(pieces.last.map { $0.offset + $0.length } == 8 << 20 + 1)
    #expect(pieces.reduce(0) { $0 + $1.length } < 4 << 20)
  }
}
