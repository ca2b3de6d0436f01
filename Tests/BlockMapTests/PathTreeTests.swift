import Glibc
import SystemPackage
import Testing

@testable import BlockMap

/// The tree returns the paths that were added, in byte order.
@Suite struct PathTreeTests {
  private func unwrap<T>(_ value: T?) throws -> T { try #require(value) }

  private func text(_ tree: PathTree, _ node: UInt32) -> [UInt8] {
    var output: [UInt8] = []
    tree.appendEscaped(node, to: &output)
    return output
  }

  @Test func pathsComeBackInTheirOrder() throws {
    var tree = PathTree()
    var random = SystemRandomNumberGenerator()
    let bytes = Array("/ab.-0!z".utf8)
    var paths: Set<[UInt8]> = [
      Array("/".utf8), Array("superblock".utf8), Array("/a".utf8), Array("/a/b".utf8), Array("/a.b".utf8),
      Array("a//b".utf8), Array("//".utf8),
    ]
    while paths.count < 400 {
      paths.insert(
        (0..<Int.random(in: 1...12, using: &random)).map { _ in bytes.randomElement(using: &random) ?? 0x61 })
    }
    let nodes = try paths.map { path in (path, try unwrap(path.withUnsafeBytes { tree.intern(path: $0) })) }
    for (path, node) in nodes {
      #expect(text(tree, node) == path)
      #expect(tree.length(of: node) == path.count)
      let again = path.withUnsafeBytes { tree.intern(path: $0) }
      #expect(again == node)
      for (other, otherNode) in nodes {
        #expect(tree.isOrderedBefore(node, otherNode) == path.lexicographicallyPrecedes(other), "\(path) \(other)")
      }
    }
  }

  @Test func aPathIsNoLongerThanAMapHasThem() {
    var tree = PathTree()
    let longest = [UInt8](repeating: 0x61, count: FormatLimits.pathBytes)
    let found = longest.withUnsafeBytes { tree.intern(path: $0) }
    #expect(found != nil)
    let longer = (longest + [0x61]).withUnsafeBytes { tree.intern(path: $0) }
    #expect(longer == nil)
    let below = Array("a".utf8).withUnsafeBytes { tree.intern($0, in: 1) }
    #expect(below == nil)
  }

  /// A thousand levels of long names and five thousand files would make a map of more than a gigabyte.
  @Test(.timeLimit(.minutes(1))) func aHugeMapIsRefusedAndTakesNoMemory() throws {
    var builder = BlockMapBuilder(maximumBytes: 100 << 20)
    builder.addDisk(DiskDescription(size: 1 << 40, format: [0x61], file: [0x61]))
    var directory = try unwrap(builder.path([]))
    let name = [UInt8](repeating: 0x64, count: 255)
    for _ in 0..<1000 { directory = try unwrap(builder.path(name, in: directory)) }
    func add(_ count: UInt64) throws {
      for file in 0..<count {
        let path = try unwrap(builder.path(Array("\(file)".utf8), in: directory))
        let object = try unwrap(builder.addObject(kind: .file, device: [0x61], at: path))
        builder.addRange(of: object, disk: 1, range: file * 8192..<file * 8192 + 4096)
      }
    }
    try add(300)
    #expect(!builder.isTooLarge)
    let file = FilePath("/var/tmp/bmap-huge-\(UInt64.random(in: 0...UInt64.max))")
    try builder.write(to: file)
    let whole = try BlockMap(contentsOf: file)
    #expect(whole.ranges.count == 300)
    #expect(whole.objects[try #require(whole.ranges.last).object].path?.count == 256 * 1000 + 4)
    try FileDescriptor.open(file, .writeOnly, options: .truncate).close()
    // Larger than allowed, but not enough to give up before writing: the old file stays.
    try add(1000)
    #expect(!builder.isTooLarge)
    #expect(throws: MapError.self) { try builder.write(to: file) }
    #expect(try FileDescriptor.open(file, .readOnly).seek(offset: 0, from: .end) == 0)
    try add(4000)
    #expect(builder.isTooLarge)
    #expect(throws: MapError.self) { try builder.write(to: file) }
    _ = file.withPlatformString { unlink($0) }
  }

  @Test func theLimitIsExact() throws {
    func build(_ most: UInt64) throws -> Bool {
      var builder = BlockMapBuilder(maximumBytes: most)
      builder.addDisk(DiskDescription(size: 4096, format: [0x61], file: [0x61]))
      let object = try unwrap(builder.addObject(kind: .file, device: [0x61], path: Array("/a\n".utf8)))
      builder.addRange(of: object, disk: 1, range: 0..<4096)
      do {
        try builder.write(to: "/dev/null")
        return true
      } catch MapError.tooLarge { return false }
    }
    let text = "# virt-bmap 2\n# disk 1 size=1000 format=a file=a\n1 0 1000 f a /a\\012\n"
    #expect(try build(UInt64(text.utf8.count)))
    #expect(try !build(UInt64(text.utf8.count - 1)))
  }

  /// A reader would reject such a range.
  @Test func offsetsDoNotOverflow() throws {
    var builder = BlockMapBuilder()
    builder.addDisk(DiskDescription(size: 1 << 20, format: [0x61], file: [0x61]))
    let object = try unwrap(builder.addObject(kind: .file, device: [0x61], path: [0x2f, 0x61]))
    builder.addRange(of: object, disk: 1, range: 0..<4096, objectOffset: .max - 4095)
    builder.addRange(of: object, disk: 1, range: 8192..<12288, objectOffset: .max - 4096)
    let file = FilePath("/var/tmp/bmap-offset-\(UInt64.random(in: 0...UInt64.max))")
    try builder.write(to: file)
    defer { _ = file.withPlatformString { unlink($0) } }
    #expect(try BlockMap(contentsOf: file).ranges.map(\.range) == [8192..<12288])
  }
}
