extension ObjectKind {
  /// The kind in words for people, such as `file`. A kind that is not known here is shown by its letter.
  public var word: String {
    switch self {
    case .disk: "disk"
    case .partition: "partition"
    case .logicalVolume: "volume"
    case .directory: "directory"
    case .file: "file"
    case .metadata: "metadata"
    case .swap: "swap"
    case .boot: "boot"
    case .raid: "parity"
    case .unallocated: "free"
    case .unwritten: "unwritten"
    default: "kind \(String(Unicode.Scalar(rawValue)))"
    }
  }
}
