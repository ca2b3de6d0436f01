/// Parses a line of a device-mapper table, as the kernel's documentation of each target describes it.
package enum DMTarget {
  /// - Parameters:
  ///   - size: size of the segment, in bytes.
  ///   - fields: the fields after the target's name.
  /// - Returns: nil if the target is not supported or the line is malformed.
  package static func parse(kind: Substring, size: UInt64, _ fields: ArraySlice<Substring>) -> Target? {
    let fields = Array(fields)
    switch kind {
    // LVM puts this in place of a missing physical volume.
    case "error": return .mirrored([nil])
    // BitLocker's metadata reads as zeros.
    case "zero": return .mirrored([nil])
    // The origin of snapshots. Its old content is copied away before it is written.
    case "snapshot-origin": return fields.first.map { .linear(Target.Leg(device: $0, offset: 0)) }
    case "linear": return leg(fields, at: 0).map { .linear($0) }
    // CIPHER KEY IV_OFFSET DEVICE START …
    case "crypt": return leg(fields, at: 3).map { .linear($0) }
    case "striped": return striped(fields)
    case "mirror": return mirror(fields)
    case "raid": return raid(fields, size: size)
    default: return nil
    }
  }

  /// `DEVICE SECTOR`
  private static func leg(_ fields: [Substring], at index: Int) -> Target.Leg? {
    guard index + 1 < fields.count, let offset = DeviceTableParser.bytes(sectors: fields[index + 1]) else { return nil }
    return Target.Leg(device: fields[index], offset: offset)
  }

  /// `COUNT CHUNK (DEVICE SECTOR)…`
  private static func striped(_ fields: [Substring]) -> Target? {
    guard fields.count >= 2, let count = Int(fields[0]), let chunk = DeviceTableParser.bytes(sectors: fields[1]),
      (1...Target.maximumChunk).contains(chunk), let legs = legs(fields, from: 2, count: count)
    else { return nil }
    return .striped(chunk: chunk, legs)
  }

  /// `LOG COUNT LOG-ARGUMENT… COUNT (DEVICE SECTOR)…`
  private static func mirror(_ fields: [Substring]) -> Target? {
    guard fields.count >= 2, let arguments = Int(fields[1]), arguments >= 0, arguments < fields.count - 2,
      let count = Int(fields[2 + arguments]), let legs = legs(fields, from: 3 + arguments, count: count)
    else { return nil }
    return .mirrored(legs)
  }

  private static func legs(_ fields: [Substring], from start: Int, count: Int) -> [Target.Leg?]? {
    guard count > 0, count <= 4096, start + 2 * count <= fields.count else { return nil }
    var legs: [Target.Leg?] = []
    for index in 0..<count {
      guard let leg = leg(fields, at: start + 2 * index) else { return nil }
      legs.append(leg)
    }
    return legs
  }

  /// `TYPE COUNT PARAMETER… COUNT (METADATA-DEVICE DATA-DEVICE)…`; the first parameter is the chunk size in sectors.
  private static func raid(_ fields: [Substring], size: UInt64) -> Target? {
    guard fields.count >= 3, let parameters = Int(fields[1]), parameters >= 1, parameters < fields.count - 2,
      let chunk = DeviceTableParser.bytes(sectors: fields[2]), chunk <= Target.maximumChunk,
      let count = Int(fields[2 + parameters]),
      count > 0, count <= 253, 3 + parameters + 2 * count <= fields.count
    else { return nil }
    let named = fields[3..<(2 + parameters)]
    // During a reshape the layout changes. The meaning of data_offset is not documented well enough to support it.
    guard !named.contains("delta_disks"), !named.contains("data_offset") else { return nil }
    let legs = (0..<count).map { index -> Target.Leg? in
      let device = fields[3 + parameters + 2 * index + 1]
      return device == "-" ? nil : Target.Leg(device: device, offset: 0)
    }
    switch fields[0] {
    case "raid0": return chunk > 0 ? .striped(chunk: chunk, legs) : nil
    case "raid1": return .mirrored(legs)
    case "raid10":
      let copies = value(of: "raid10_copies", in: named).flatMap { Int($0) } ?? 2
      let format = value(of: "raid10_format", in: named) ?? "near"
      return layout(format, copies: copies, devices: count, chunk: chunk, size: size).map {
        .copied(chunk: chunk, $0, legs)
      }
    default:
      guard let rotation = rotation(of: fields[0]), chunk > 0, count > rotation.parities else { return nil }
      return .parity(chunk: chunk, rotation, legs)
    }
  }

  private static func rotation(of type: Substring) -> ParityLayout? {
    switch type {
    case "raid4", "raid5_n": .last(parities: 1)
    case "raid5_0": .first(parities: 1)
    case "raid5_la": .leftAsymmetric(parities: 1)
    case "raid5_ra": .rightAsymmetric(parities: 1)
    case "raid5_ls": .leftSymmetric(parities: 1)
    case "raid5_rs": .rightSymmetric(parities: 1)
    case "raid6_zr": .rightAsymmetric(parities: 2)
    case "raid6_nr": .restartingDown
    case "raid6_nc": .continuingDown
    case "raid6_n_6": .last(parities: 2)
    case "raid6_0_6": .besideLast(.first(parities: 1))
    case "raid6_la_6": .besideLast(.leftAsymmetric(parities: 1))
    case "raid6_ra_6": .besideLast(.rightAsymmetric(parities: 1))
    case "raid6_ls_6": .besideLast(.leftSymmetric(parities: 1))
    case "raid6_rs_6": .besideLast(.rightSymmetric(parities: 1))
    default: nil
    }
  }

  private static func layout(
    _ format: Substring, copies: Int, devices: Int, chunk: UInt64, size: UInt64
  ) -> RAID10Layout? {
    guard chunk > 0 else { return nil }
    let chunks = size / chunk
    switch format {
    case "near": return RAID10Layout(near: copies, devices: devices, chunks: chunks)
    // There are far sets unless the array was made with raid10_use_near_sets. The kernel leaves that word out of the
    // tables it prints, but counts it among the parameters, so that such a line is malformed and never gets here.
    case "far":
      // The distance between the copies is known only if the array ends with a complete stripe.
      guard size.isMultiple(of: chunk), chunks.isMultiple(of: UInt64(devices)) else { return nil }
      return RAID10Layout(near: 1, far: copies, setSize: copies, devices: devices, chunks: chunks)
    case "offset":
      return RAID10Layout(near: 1, far: copies, isOffset: true, setSize: copies, devices: devices, chunks: chunks)
    default: return nil
    }
  }

  private static func value(of name: Substring, in fields: ArraySlice<Substring>) -> Substring? {
    guard let index = fields.firstIndex(of: name), index + 1 < fields.endIndex else { return nil }
    return fields[index + 1]
  }
}
