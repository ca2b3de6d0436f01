import Foundation
import FoundationXML
import SystemPackage

/// A DFXML document, read with another XML parser than the one that checks ours.
final class DFXMLDocument: NSObject, XMLParserDelegate {
  struct Run: Equatable {
    var fileOffset: UInt64
    var deviceOffset: UInt64
    var offset: UInt64
    var length: UInt64
  }

  struct File {
    /// Unescaped.
    var name: [UInt8] = []
    var type = ""
    var size: UInt64?
    var runs: [Run] = []
    /// Whether it has runs without a place: data inside the file record, or zeros that are not stored.
    var hasOthers = false
  }

  /// The files of each volume, by the offset of the volume.
  private(set) var volumes: [UInt64: [File]] = [:]
  private var volume: UInt64 = 0
  private var file = File()
  private var text = ""
  private var raw: String?
  /// The elements around the current one.
  private var path: [String] = []

  init(contentsOf file: FilePath) throws {
    super.init()
    let parser = XMLParser(data: Data(try [UInt8](contentsOf: file)))
    parser.delegate = self
    guard parser.parse() else { throw TestFailure("\(file): \(String(describing: parser.parserError))") }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    path.append(name)
    text = ""
    func number(_ name: String) -> UInt64? { attributes[name].flatMap { UInt64($0) } }
    switch name {
    case "volume": volume = number("offset") ?? .max
    case "fileobject": file = File()
    case "filename": raw = attributes["bmap:raw"]
    case "byte_run" where path.dropLast().last == "byte_runs":
      if attributes["type"] != "resident", let offset = number("img_offset"), let device = number("fs_offset"),
        let start = number("file_offset"), let length = number("len")
      {
        file.runs.append(Run(fileOffset: start, deviceOffset: device, offset: offset, length: length))
      } else {
        file.hasOthers = true
      }
    default: break
    }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
    path.removeLast()
    guard path.last == "fileobject" || name == "fileobject" else { return }
    switch name {
    case "filename": file.name = raw.map(Self.bytes(hex:)) ?? Self.unescaped(Array(text.utf8))
    case "name_type": file.type = text
    case "filesize": file.size = UInt64(text)
    case "fileobject": volumes[volume, default: []].append(file)
    default: break
    }
  }

  private static func bytes(hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(Array(digits[$0..<$0 + 2]).text, radix: 16) }
  }

  /// fiwalk writes a byte as `\x` and two hexadecimal digits.
  private static func unescaped(_ name: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var rest = name[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "x"),
        let value = UInt8(Array(rest.dropFirst().prefix(2)).text, radix: 16)
      {
        result.append(value)
        rest = rest.dropFirst(3)
      } else {
        result.append(byte)
      }
    }
    return result
  }
}

extension [DFXMLDocument.Run] {
  /// In the order of the file, cut to its size, with those that continue each other joined.
  func cut(to size: UInt64) -> [DFXMLDocument.Run] {
    var result: [DFXMLDocument.Run] = []
    for run in sorted(by: { $0.fileOffset < $1.fileOffset }) where run.fileOffset < size {
      var run = run
      run.length = Swift.min(run.length, size - run.fileOffset)
      if let last = result.last, last.fileOffset + last.length == run.fileOffset,
        last.offset + last.length == run.offset
      {
        result[result.count - 1].length += run.length
      } else {
        result.append(run)
      }
    }
    return result
  }
}
