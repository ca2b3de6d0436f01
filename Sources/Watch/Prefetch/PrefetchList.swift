import BlockMap

/// A list of parts of objects, which stays valid if the objects move on the disk:
///
///     # virt-bmap prefetch 1
///     0 8000 f /dev/sda1 /boot/vmlinuz
///     1000 2000 m /dev/sda1 inode table
///
/// START and END are offsets in the object, in hexadecimal; END is exclusive. Names are escaped as in a map.
package enum PrefetchList {
  package static let header = Array("# virt-bmap prefetch 1\n".utf8)

  /// The longest line in bytes.
  static let maximumLine = FormatLimits.lineBytes

  /// Appends a line.
  package static func append(
    _ range: Range<UInt64>, of object: ObjectID, in objects: borrowing ObjectTable, to output: inout [UInt8]
  ) {
    output.append(contentsOf: String(range.lowerBound, radix: 16).utf8)
    output.append(0x20)
    output.append(contentsOf: String(range.upperBound, radix: 16).utf8)
    output.append(0x20)
    output.append(objects.kind(of: object).rawValue)
    output.append(0x20)
    objects.appendEscapedName(of: object, to: &output)
    output.append(0x0a)
  }

  /// A line of a list.
  package struct Line: Equatable {
    /// In bytes of the object.
    package var range: Range<UInt64>
    package var object: MappedObject

    /// - Throws: `PrefetchError` without the number of the line.
    package init(_ text: some Sequence<UInt8>) throws(PrefetchError) {
      let fields = Array(text).split(separator: 0x20, maxSplits: 4, omittingEmptySubsequences: false)
      guard fields.count >= 4, let start = Self.hexadecimal(fields[0]), let end = Self.hexadecimal(fields[1]),
        start < end, fields[2].count == 1, let kind = fields[2].first.flatMap(ObjectKind.init(rawValue:)),
        let device = Escaping.unescape(Array(fields[3]))
      else { throw PrefetchError("not a line START END KIND DEVICE [PATH]") }
      range = start..<end
      object = MappedObject(kind: kind, device: device, path: nil)
      guard fields.count == 5 else { return }
      guard let path = Escaping.unescape(Array(fields[4])) else {
        throw PrefetchError("a name is not escaped as in a map")
      }
      object.path = path
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
      guard digits.first != UInt8(ascii: "+") else { return nil }
      return UInt64(String(decoding: digits, as: UTF8.self), radix: 16)
    }
  }
}

/// Why a list cannot be read.
package struct PrefetchError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
