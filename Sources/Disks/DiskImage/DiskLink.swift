public import SystemPackage

/// One image of a VMDK's chain: the one that was named, or a parent of the one before.
public struct DiskLink: Sendable {
  /// What was named, or found by the name the snapshot gives it.
  public let path: FilePath
  /// The size in bytes that it gives the disk.
  public let size: UInt64
  /// nil for an extent that was opened without its descriptor.
  let descriptor: Descriptor?
  /// In order of the disk.
  public let extents: [Extent]

  /// `createType`, as written: `monolithicSparse`.
  public var createType: String? { descriptor?.createType }
  /// The content ID.
  public var cid: UInt32? { descriptor?.cid }
  /// The parent's content ID when the snapshot was taken; nil where there is no parent.
  public var parentCID: UInt32? {
    descriptor.flatMap { $0.parentCID == Descriptor.noParent ? nil : $0.parentCID }
  }
  /// The parent's file as the snapshot names it, in the descriptor's encoding.
  public var parentFileNameHint: [UInt8]? { descriptor?.parentFileNameHint }
  /// The encoding that the descriptor declares for itself.
  public var encoding: String? { descriptor?.encoding }
  /// Every setting of the descriptor but the disk database's, as written, in order.
  public var settings: [DescriptorSetting] { descriptor?.settings ?? [] }
  /// The disk database, as written, in order: geometry, adapter type, UUIDs, hardware version and others.
  public var database: [DescriptorSetting] { descriptor?.database ?? [] }

  /// A part of the image: a line of its descriptor.
  public struct Extent: Sendable {
    /// `RW`, `RDONLY` or `NOACCESS`; nil without a descriptor.
    public let access: String?
    /// As written: `VMFSSPARSE`; nil without a descriptor.
    public let type: String?
    /// In bytes.
    public let size: UInt64
    /// nil where it has none or may not be read.
    public let file: FilePath?
    /// Where in the file a flat extent begins, in bytes; nil for the others.
    public let start: UInt64?
    /// nil for an extent without grains.
    public let grains: Grains?
    private let extent: DiskImage.Extent

    /// What the header of a file of grains says.
    public struct Grains: Sendable {
      /// `hosted`, `COWD` or `seSparse`.
      public let kind: String
      /// The header's version: of seSparse, `2.1`.
      public let version: String
      /// Bytes of a grain.
      public let grainBytes: UInt64
      public let isCompressed: Bool
      /// Whether the file has a second grain directory that can be used.
      public let hasRedundantDirectory: Bool
      public let wasClosedCleanly: Bool
    }

    init(_ extent: DiskImage.Extent, _ header: ExtentHeader?, access: String?, type: String?, file: FilePath?) {
      self.access = access
      self.type = type
      self.file = file
      self.extent = extent
      size = extent.size
      if case .flat(_, let start) = extent.storage { self.start = start } else { start = nil }
      grains = header.map(Grains.init)
    }

    /// How the extent's bytes are kept, after a look through all its tables.
    /// - Parameter progress: called now and then with how much is done, from 0 to 1.
    public func usage(progress: (Double) -> Void = { _ in }) throws(DiskError) -> Usage {
      switch extent.storage {
      case .zero: return Usage(zero: size)
      case .inaccessible: return Usage(unreadable: size)
      case .flat(let file, let start):
        var usage = Usage()
        try file.extents(in: start..<(start &+ size)) { (part) throws(DiskError) -> Bool in
          if part.state == .data { usage.stored &+= part.range.upperBound &- part.range.lowerBound }
          return true
        }
        return usage
      case .grains(let grains):
        var budget = UInt64.max
        let survey = grains.survey(budget: &budget, progress: progress)
        return Usage(
          stored: survey.stored, zero: survey.zero, unreadable: survey.damaged, damage: survey.warnings(of: grains))
      }
    }
  }

  /// How many bytes of an extent are kept in which way. What is in none of these was never stored.
  public struct Usage: Sendable {
    /// In the file; of a flat extent, those that its filesystem has.
    public var stored: UInt64 = 0
    /// Zeros that are not in the file.
    public var zero: UInt64 = 0
    /// Damaged, or declared inaccessible.
    public var unreadable: UInt64 = 0
    /// What is damaged, one line each.
    public var damage: [String] = []
  }
}

extension DiskLink.Extent.Grains {
  fileprivate init(_ header: ExtentHeader) {
    switch header.kind {
    case .hosted(let version):
      kind = "hosted"
      self.version = String(version)
    case .cowd:
      kind = "COWD"
      version = "1"
    case .seSparse:
      kind = "seSparse"
      version = "2.1"
    }
    grainBytes = header.layout.grainBytes
    isCompressed = header.layout.compression != .none
    hasRedundantDirectory = header.layout.directories.count > 1
    wasClosedCleanly = header.wasClosedCleanly
  }
}
