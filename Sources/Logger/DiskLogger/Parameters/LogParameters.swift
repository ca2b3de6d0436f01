import AccessLog
import BlockMap
import NBDKit
import SystemPackage

/// The user's parameters for the log.
public struct LogParameters: Sendable {
  public enum Format: String, CaseIterable, Sendable {
    case text, json
  }

  /// Nil for standard output.
  private(set) var file: FilePath?
  private(set) var format = Format.text
  private(set) var writesOffsets = false
  private(set) var selection = ObjectSelection()

  /// - Parameter key: one of `logfile`, `logformat`, `offsets`, `filter` and `only`.
  mutating func set(key: String, value: ParameterValue) throws {
    switch key {
    case "logfile": file = value.text == "-" ? nil : try value.absolutePath()
    case "logformat":
      guard let format = Format(rawValue: value.text) else {
        let formats = Format.allCases.map(\.rawValue).joined(separator: " or ")
        throw PluginError(errno: .invalid, "logformat=\(value.text): give \(formats)")
      }
      self.format = format
    case "offsets": writesOffsets = try value.boolean(of: key)
    case "filter": selection.kinds = try kinds(value)
    default:
      guard !value.bytes.isEmpty else { throw PluginError(errno: .invalid, "only=: give a pattern of paths") }
      selection.setPattern(value.bytes)
    }
  }

  private func kinds(_ value: ParameterValue) throws -> Set<ObjectKind> {
    guard let kinds = ObjectKind.kinds(in: value.bytes) else {
      throw PluginError(
        errno: .invalid, "filter=\(value.text): give kinds with commas between them, of \(ObjectKind.knownLetters)")
    }
    return kinds
  }

  /// Checks that the log can be as the user asked for.
  /// - Parameter index: the map's; nil if there is no map.
  func check(_ index: MapIndex?) throws {
    guard selection.isEverything || index != nil else {
      throw PluginError(errno: .invalid, "filter= and only= need a block map, and there is none")
    }
    if format == .text, writesOffsets, index?.map.hasOffsets == false {
      throw PluginError(errno: .invalid, "offsets=true: this map does not say where in a file its ranges are")
    }
  }

  var logFormat: any LogFormat {
    switch format {
    case .json: JSONFormat()
    case .text: TextFormat(offsets: writesOffsets)
    }
  }

  /// - Parameter written: what has been written since the map was made.
  func attribution(_ index: MapIndex?, written: WrittenRanges) -> Attribution {
    Attribution(index: index, selection: selection, written: written)
  }
}
