import SystemPackage

@testable import BlockMap

/// A map with one disk of 0x100000 bytes, or as many as its lines describe.
func map(_ lines: String, header: String = "# disk 1 size=100000 format=raw file=disk\n") throws -> BlockMap {
  try map(Array("# virt-bmap 2\n\(header)\(lines)\n".utf8))
}

func map(_ bytes: [UInt8]) throws -> BlockMap {
  var parser = MapParser(path: "map")
  try bytes.withUnsafeBytes { try parser.parse($0) }
  return try parser.finish(endsInNewline: true)
}
