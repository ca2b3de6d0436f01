import BlockStack
import Bytes
import Foundation
import TestSupport
import Testing

@testable import Filesystems

/// What the catalog, the attributes file and the extents overflow file of HFS+ refer to.
@Suite struct HFSPlusTests {
  private func rest(of image: some DeviceBytes, isAll: Bool = false) throws -> UnnamedSpace {
    let areas = isAll ? [] : try HFSPlus().areas(on: image, known: [])
    var space = UnnamedSpace([0..<image.size].subtracting(areas.map(\.range).merged))
    try HFSPlus().nameRest(of: &space, on: image)
    return space
  }

  /// The HFS+ volume of an image that xorriso makes of `tree`, as its Apple partition map says.
  private func volume(_ directory: borrowing ImageDirectory) async throws -> ImageBytes {
    try await directory.run("xorriso", ["-as", "mkisofs", "-quiet", "-R", "-hfsplus", "-o", "image", "tree"])
    var image = try ImageBytes(contentsOf: directory("image"))
    let entry = try #require((1..<8).map { $0 * 512 }.first { image.data.has(Array("Apple_HFS".utf8), at: $0 + 48) })
    let (start, count) = (image.data.big(at: entry + 8, width: 4) * 512, image.data.big(at: entry + 12, width: 4) * 512)
    image.data = Array(image.data[Int(start)..<Int(start + count)])
    return image
  }

  /// Where the record of a file in the catalog begins.
  private func record(of name: String, in image: ImageBytes) throws -> Int {
    let catalog = try #require(try HFSPlus().areas(on: image, known: []).range("catalog file"))
    let key: [UInt8] = [0, UInt8(name.utf8.count)] + name.utf8.flatMap { [0, $0] as [UInt8] }
    return try #require(
      (Int(catalog.lowerBound)..<Int(catalog.upperBound)).first {
        image.data.has(key, at: $0) && image.data.big(at: $0 + key.count, width: 2) == 2
      }) + key.count
  }

  @Test func catalog() async throws {
    let directory = try ImageDirectory()
    for number in 0..<7 {
      try FileManager.default.createSymbolicLink(
        atPath: directory("tree").appending("link\(number)").string, withDestinationPath: "directory/file\(number)")
    }
    var image = try await volume(directory)
    let block = image.data.big(at: 1024 + 40, width: 4)
    func blocks(_ size: UInt64) -> UInt64 { (size + block - 1) / block * block }
    var sizes: [UInt64] = []
    for number in 0..<100 {
      let file = directory("tree").appending("directory/file\(number)").string
      sizes.append(try #require(try FileManager.default.attributesOfItem(atPath: file)[.size] as? UInt64))
    }
    var space = try rest(of: image)
    #expect(space.ranges.isEmpty)
    let all = sizes.reduce(0) { $0 + blocks($1) }
    #expect(space.areas.bytes("hidden file data") == all && space.areas.bytes("symbolic links") == 7 * block)
    #expect(space.areas.bytes("resource forks") == 0 && space.areas.bytes("lost blocks") <= block)
    for area in space.areas where area.name == "symbolic links" {
      #expect(image.data.has(Array("directory/file".utf8), at: Int(area.range.lowerBound)))
    }

    // Exchange the forks of a file.
    let start = try record(of: "file70", in: image)
    for offset in start + 88..<start + 168 { image.data.swapAt(offset, offset + 80) }
    space = try rest(of: image)
    #expect(space.areas.bytes("resource forks") == blocks(sizes[70]))
    #expect(space.areas.bytes("hidden file data") == all - blocks(sizes[70]))
    let text = try Data(contentsOf: URL(fileURLWithPath: directory("tree").appending("directory/file70").string))
    let fork = try #require(space.areas.range("resource forks"))
    #expect(image.data.has(Array(text), at: Int(fork.lowerBound)))
    try expectDamage(image)
  }

  /// If the chain of leaf nodes is broken, nothing is known.
  private func expectDamage(_ image: ImageBytes) throws {
    let catalog = Int(try #require(try HFSPlus().areas(on: image, known: []).range("catalog file")).lowerBound)
    let (node, first) = (
      Int(image.data.big(at: catalog + 32, width: 2)), Int(image.data.big(at: catalog + 24, width: 4))
    )
    let leaf = catalog + first * node
    // The header's kind, the size of nodes, the first leaf; then of a leaf: the next one, the one before, the kind, the
    // number of records and where one begins.
    for offset in [
      catalog + 8, catalog + 33, catalog + 25, leaf, leaf + 7, leaf + 8, leaf + 10, leaf + node - 2, leaf + node - 4,
    ] {
      var other = image
      other.data[offset] ^= 0x41
      #expect(throws: SpaceError.self, "\(offset)") { try rest(of: other) }
    }
  }

  private static let block: UInt64 = 4096

  private func number(_ value: Int, _ width: Int) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private func extents(_ list: [(Int, Int)]) -> [UInt8] {
    let bytes = list.flatMap { number($0.0, 4) + number($0.1, 4) }
    return bytes + [UInt8](repeating: 0, count: 64 - bytes.count)
  }

  private func fork(_ list: [(Int, Int)], blocks: Int? = nil) -> [UInt8] {
    number(0, 12) + number(blocks ?? list.reduce(0) { $0 + $1.1 }, 4) + extents(list)
  }

  private func header(firstLeaf: Int) -> [UInt8] {
    number(0, 8) + [1] + number(0, 15) + number(firstLeaf, 4) + number(0, 4) + number(4096, 2)
  }

  private func leaf(_ records: [[UInt8]]) -> [UInt8] {
    var node = number(0, 8) + [0xff, 1] + number(records.count, 2) + number(0, 2)
    var offsets: [UInt8] = []
    for record in records {
      offsets = number(node.count, 2) + offsets
      node += record
    }
    offsets = number(node.count, 2) + offsets
    return node + [UInt8](repeating: 0, count: 4096 - node.count - offsets.count) + offsets
  }

  /// A volume whose catalog has nine extents, and whose attributes and resource forks are in extents, too.
  private func scattered() -> DeviceImage {
    func overflow(_ file: Int, _ type: UInt8, _ list: [(Int, Int)]) -> [UInt8] {
      number(10, 2) + [type, 0] + number(file, 4) + number(0, 4) + extents(list)
    }
    var image = DeviceImage(size: 64 * Self.block, [])
    image.put(Array("H+".utf8), at: 1024)
    image.put(number(4096, 4) + number(64, 4), at: 1024 + 40)
    image.put(fork([(1, 1)]), at: 1024 + 112)
    image.put(fork([(2, 2)]), at: 1024 + 192)
    image.put(fork((0..<8).map { (10 + 2 * $0, 1) }, blocks: 9), at: 1024 + 272)
    image.put(fork([(40, 2)]), at: 1024 + 352)
    image.put(header(firstLeaf: 1), at: 2 * Self.block)
    image.put(
      leaf([
        overflow(4, 0, [(30, 1)]), overflow(5, 0, [(33, 2)]), overflow(20, 0, [(38, 1)]), overflow(20, 0xff, [(36, 1)]),
      ]), at: 3 * Self.block)
    image.put(header(firstLeaf: 8), at: 10 * Self.block)
    let file =
      number(2, 2) + number(0, 40) + number(0xa1ff, 2) + number(0, 44) + fork([(45, 1)]) + fork([(46, 1)])
    image.put(leaf([number(8, 2) + number(2, 4) + number(1, 2) + number(0x61, 2) + file]), at: 30 * Self.block)
    image.put(header(firstLeaf: 1), at: 40 * Self.block)
    let key = number(14, 2) + number(0, 2) + number(20, 4) + number(0, 4) + number(1, 2) + number(0x61, 2)
    image.put(
      leaf([
        key + number(0x10, 4) + number(0, 12), key + number(0x20, 4) + number(0, 4) + fork([(48, 2)]),
        key + number(0x30, 4) + number(0, 4) + extents([(51, 1)]),
      ]), at: 41 * Self.block)
    return image
  }

  @Test func moreThanEightExtents() throws {
    let image = scattered()
    let areas = try HFSPlus().areas(on: image, known: [])
    let catalog = areas.filter { $0.name == "catalog file" }
    #expect(catalog.count == 9 && catalog.last?.range == 30 * Self.block..<31 * Self.block)
    #expect(catalog.map(\.offset) == (0..<9).map { $0 * Self.block })
    let space = try rest(of: image, isAll: true)
    func blocks(_ name: String) -> [Range<UInt64>] {
      space.areas.filter { $0.name == name }.map { $0.range.lowerBound / Self.block..<$0.range.upperBound / Self.block }
    }
    #expect(blocks("resource forks") == [36..<37, 46..<47] && blocks("extended attributes") == [48..<50, 51..<52])
    #expect(blocks("symbolic links") == [45..<46] && blocks("bad blocks") == [33..<35])
    #expect(blocks("hidden file data") == [38..<39] && space.ranges.isEmpty)
  }

  /// A damaged overflow file is nothing to go by.
  @Test func damagedOverflow() throws {
    var image = scattered()
    image.put([0], at: 3 * Self.block + 8)
    #expect(throws: SpaceError.self) { try HFSPlus().areas(on: image, known: []) }
    #expect(throws: SpaceError.self) { try rest(of: image, isAll: true) }
    image = scattered()
    // The next leaf is the same one.
    image.put([0, 0, 0, 1], at: 3 * Self.block)
    #expect(throws: SpaceError.self) { try rest(of: image, isAll: true) }
    image = scattered()
    // The file is beyond the end of the device.
    image.put([0xff], at: 1024 + 192 + 16)
    #expect(throws: SpaceError.self) { try rest(of: image, isAll: true) }
  }
}
