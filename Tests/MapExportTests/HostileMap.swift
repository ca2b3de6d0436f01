import Bytes
import MapExport
import SystemPackage

@testable import BlockMap

/// Names with markup, control characters, bytes that are not UTF-8, and characters that XML 1.0 does not allow.
let hostilePath = Array("/d/a<b>&\"',c\n\r\u{1b}[31m\u{9b}\\".utf8) + [0xff, 0xfe] + Array("\u{fffe}\u{ffff}é]]>".utf8)

/// The same as maps and exported texts write it.
let hostileText = #"/d/a<b>&"',c\012\015\033[31m\302\233\134\377\376"#

func map(_ lines: String, header: String = "# disk 1 size=100000 format=raw file=a<b\\040c\n") throws -> BlockMap {
  try map(Array("# virt-bmap 2\n\(header)\(lines)\n".utf8))
}

func map(_ bytes: [UInt8]) throws -> BlockMap {
  var parser = MapParser(path: "map")
  try bytes.withUnsafeBytes { try parser.parse($0) }
  return try parser.finish(endsInNewline: true)
}

/// A map with a file of that name, and one whose data is there twice.
func hostileMap() throws -> BlockMap {
  var text = Array(
    """
    # virt-bmap 2
    # disk 1 size=100000 format=raw file=a<b\\040c
    # device /dev/sda1 type=e<4 encrypted=yes
    # device /dev/sda2 type=swap
    1 0 100000 v /dev/sda
    1 1000 80000 p /dev/sda1
    1 1000 2000 m /dev/sda1 superblock
    1 2000 3000 d /dev/sda1 /
    1 3000 4000 f@1000 /dev/sda1 /twice
    1 4000 6000 f /dev/sda1 /twice
    1 5000 7000 f /dev/sda1 /twice
    1 8000 9000 s /dev/sda2

    """.utf8)
  text += Array("1 9000 a000 f /dev/sda1 ".utf8)
  Escaping.append(hostilePath, as: .path, to: &text)
  return try map(text + [0x0a])
}

/// Collects a text.
struct Collected: TextOutput {
  var bytes: [UInt8] = []
  mutating func append(_ body: (inout [UInt8]) -> Void) { body(&bytes) }
}
