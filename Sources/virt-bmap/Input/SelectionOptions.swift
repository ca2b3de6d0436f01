import ArgumentParser
import BlockMap

/// Which disk and which devices of a map a command answers about.
struct DeviceOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Only this disk, counted from 1.", valueName: "N"))
  var disk: Int?

  @Option(help: ArgumentHelp("Only this device. May be repeated.", valueName: "DEVICE"))
  var device: [String] = []

  /// Checks that the disk is in all of the maps.
  /// - Returns: the devices to keep, not escaped; nil for all. Each has to be in one of the maps.
  /// - Throws: `InputError`.
  func devices(of maps: [BlockMap], named name: String) throws -> Set<[UInt8]>? {
    for map in maps {
      guard let disk else { break }
      // A map in the 2014 format does not say how many disks it covers.
      guard disk >= 1, map.disks.isEmpty || disk <= map.disks.count else {
        throw InputError(name, "a map of \(counted(map.disks.count, "disk")), there is no disk \(disk)")
      }
    }
    guard !device.isEmpty else { return nil }
    let names = maps.reduce(into: Set<[UInt8]>()) { names, map in
      names.formUnion(map.objects.ids.lazy.map { map.objects.device(of: $0) })
    }
    return try Set(
      device.map { argument in
        let bytes = ArgumentBytes.decode(argument)
        // A name can be given as it is, or as the map escapes it.
        guard let found = [bytes, Escaping.unescape(bytes)].compactMap({ $0 }).first(where: names.contains) else {
          throw InputError(name, "there is no device \(Escaping.text(bytes, as: .device)) in this map")
        }
        return found
      })
  }
}

/// Which part of a map a command answers about; the same for every command that looks at objects.
struct SelectionOptions: ParsableArguments {
  @OptionGroup var deviceOptions: DeviceOptions

  @Option(help: ArgumentHelp("Only objects of these kinds, such as f,d.", valueName: "KIND,..."))
  var kind: String?

  @Option(
    help: ArgumentHelp("Only paths that match this pattern, in which * also matches a slash.", valueName: "PATTERN"))
  var only: String?

  var disk: Int? { deviceOptions.disk }

  /// What to keep.
  /// - Parameters:
  ///   - map: the map that is asked.
  ///   - name: its name, for messages.
  /// - Throws: `ValidationError` for a kind that does not exist, `InputError` for a disk or a device that the map does
  ///   not have.
  func selection(of map: BlockMap, named name: String) throws -> ObjectSelection {
    try selection(of: [map], named: name)
  }

  /// The same for several maps of the same disks. A device has to be in one of them.
  func selection(of maps: [BlockMap], named name: String) throws -> ObjectSelection {
    var selection = try kindsAndPattern()
    selection.devices = try deviceOptions.devices(of: maps, named: name)
    return selection
  }

  /// What to keep of a log. Its devices are known only at its end, so `--device` can name any.
  /// - Throws: `ValidationError` for a kind that does not exist.
  func selectionOfLog() throws -> ObjectSelection {
    var selection = try kindsAndPattern()
    if !deviceOptions.device.isEmpty {
      let names = deviceOptions.device.map(ArgumentBytes.decode)
      // A name can be given as it is, or as the log escapes it.
      selection.devices = Set(names + names.compactMap(Escaping.unescape))
    }
    return selection
  }

  /// Checks that a log that was read, or one of several, has the devices.
  /// - Throws: `InputError`.
  func check(_ tables: ObjectTable..., of log: String) throws {
    guard !deviceOptions.device.isEmpty else { return }
    let found = tables.reduce(into: Set<[UInt8]>()) { found, objects in
      found.formUnion(objects.ids.lazy.map { objects.device(of: $0) })
    }
    for device in deviceOptions.device.map(ArgumentBytes.decode)
    where !found.contains(device) && !(Escaping.unescape(device).map(found.contains) ?? false) {
      throw InputError(log, "there is no device \(Escaping.text(device, as: .device)) in this log")
    }
  }

  private func kindsAndPattern() throws -> ObjectSelection {
    var selection = ObjectSelection()
    if let kind {
      guard let kinds = ObjectKind.kinds(in: ArgumentBytes.decode(kind)) else {
        throw ValidationError("--kind \(kind): give kinds with commas between them, of \(ObjectKind.knownLetters)")
      }
      selection.kinds = kinds
    }
    if let only { selection.setPattern(ArgumentBytes.decode(only)) }
    return selection
  }

  /// Whether a range of this disk is kept.
  func keeps(disk number: some BinaryInteger) -> Bool { disk.map { $0 == Int(number) } ?? true }
}

/// A number with its noun, such as `1 disk` or `2 disks`.
func counted(_ count: Int, _ noun: String) -> String { count == 1 ? "1 \(noun)" : "\(count) \(noun)s" }

/// Why a question cannot be answered from this input. The description is one line for the user.
struct InputError: Error, CustomStringConvertible {
  let description: String

  /// - Parameter name: the file, as the user gave it.
  init(_ name: String, _ reason: String) {
    description = "\(Escaping.text(ArgumentBytes.decode(name), as: .path)): \(reason)"
  }
}
