import Bytes

/// What a byte of a disk is used for. Each byte counts once: the first use that applies to it.
public enum SpaceUse: Int, CaseIterable, Sendable {
  case files, directories, metadata, boot, swap, parity, unwritten, free, unaccounted

  /// The use that a range of this kind shows. A whole disk, partition or volume shows none.
  public init?(_ kind: ObjectKind) {
    switch kind {
    case .disk, .partition, .logicalVolume: return nil
    case .file: self = .files
    case .directory: self = .directories
    case .boot: self = .boot
    case .swap: self = .swap
    case .raid: self = .parity
    case .unwritten: self = .unwritten
    case .unallocated: self = .free
    // Any other kind is a part of a filesystem that is not a file.
    default: self = .metadata
    }
  }

  /// The name in messages.
  public var name: String {
    switch self {
    case .files: "files"
    case .directories: "directories"
    case .metadata: "metadata"
    case .boot: "boot"
    case .swap: "swap"
    case .parity: "parity"
    case .unwritten: "unwritten"
    case .free: "free"
    case .unaccounted: "unaccounted"
    }
  }
}

/// How many bytes are used for what.
public struct SpaceTotals: Equatable, Sendable {
  private var bytes = [UInt64](repeating: 0, count: SpaceUse.allCases.count)

  public init() {}

  public subscript(use: SpaceUse) -> UInt64 {
    get { bytes[use.rawValue] }
    set { bytes[use.rawValue] = newValue }
  }

  /// All bytes, accounted for or not. Saturates at `UInt64.max`.
  public var size: UInt64 { bytes.reduce(0) { $0.addingSaturated($1) } }

  public var accounted: UInt64 { size - self[.unaccounted] }

  public static func += (totals: inout SpaceTotals, other: SpaceTotals) {
    for use in SpaceUse.allCases { totals[use] = totals[use].addingSaturated(other[use]) }
  }

  /// One line about everything, such as `99.97 % of 4294967296 bytes accounted for (files 26.1 %, free 73.9 %)`.
  /// Percentages are rounded down, so that 100.00 % means every byte.
  public var summary: String {
    let parts = SpaceUse.allCases.filter { $0 != .unaccounted && self[$0] > 0 }.map {
      "\($0.name) \(percentage(of: self[$0], digits: 1))"
    }
    let list = parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))"
    return "\(percentage(of: accounted, digits: 2)) of \(size) bytes accounted for\(list)"
  }

  /// The share of the size, rounded down, such as `26.1 %`. A disk without bytes counts as accounted for.
  /// - Parameter digits: how many digits follow the decimal point, 1 or 2.
  public func percentage(of bytes: UInt64, digits: Int) -> String {
    Self.percentage(of: bytes, in: size, digits: digits)
  }

  /// The share of `bytes` in `size`, rounded down; 100 % if there are no bytes.
  /// - Parameter digits: how many digits follow the decimal point, 1 or 2.
  public static func percentage(of bytes: UInt64, in size: UInt64, digits: Int) -> String {
    let unit: UInt64 = digits == 1 ? 10 : 100
    var share = 100 * unit
    if size > 0 {
      let (high, low) = bytes.multipliedFullWidth(by: 100 * unit)
      share = high < size ? size.dividingFullWidth((high, low)).quotient : .max
    }
    let fraction = String(share % unit)
    return "\(share / unit).\(String(repeating: "0", count: digits - fraction.count))\(fraction) %"
  }
}
