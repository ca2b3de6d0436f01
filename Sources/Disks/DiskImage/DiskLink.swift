public import SystemPackage

/// One image in the chain of a VMDK: the image that the user named, or the parent of the previous one.
public struct DiskLink: Sendable {
  /// The path that the user gave, or where the parent named by the snapshot was found.
  public let path: FilePath
  /// The size of the disk according to this image, in bytes.
  public let size: UInt64
  /// `nil` for an extent that was opened without its descriptor.
  let descriptor: Descriptor?
  /// In disk order.
  public let extents: [Extent]

  /// `createType` as written in the descriptor, for example `monolithicSparse`.
  public var createType: String? { descriptor?.createType }
  /// The content ID.
  public var cid: UInt32? { descriptor?.cid }
  /// The content ID that the parent had when the snapshot was taken; `nil` if there is no parent.
  public var parentCID: UInt32? {
    descriptor.flatMap { $0.parentCID == Descriptor.noParent ? nil : $0.parentCID }
  }
  /// The file name of the parent as written in the snapshot, in the encoding of the descriptor.
  public var parentFileNameHint: [UInt8]? { descriptor?.parentFileNameHint }
  /// The encoding that the descriptor declares.
  public var encoding: String? { descriptor?.encoding }
  /// All settings of the descriptor except the disk database, as written and in order.
  public var settings: [DescriptorSetting] { descriptor?.settings ?? [] }
  /// The disk database, as written and in order: geometry, adapter type, UUIDs, hardware version and so on.
  public var database: [DescriptorSetting] { descriptor?.database ?? [] }

  /// A part of the image, described by one line of its descriptor.
  public struct Extent: Sendable {
    /// `RW`, `RDONLY` or `NOACCESS`; `nil` if there is no descriptor.
    public let access: String?
    /// The type as written, for example `VMFSSPARSE`; `nil` if there is no descriptor.
    public let type: String?
    /// In bytes.
    public let size: UInt64
    /// `nil` if the extent has no file, or if it must not be read.
    public let file: FilePath?
    /// The offset in the file at which a flat extent starts, in bytes; `nil` for other extents.
    public let start: UInt64?
    /// `nil` for an extent without grains.
    public let grains: Grains?
    let extent: VMDKExtent

    /// The header of a sparse extent.
    public struct Grains: Sendable {
      /// `hosted`, `COWD` or `seSparse`.
      public let kind: String
      /// The version of the header; always `2.1` for seSparse.
      public let version: String
      /// The grain size, in bytes.
      public let grainBytes: UInt64
      public let isCompressed: Bool
      /// Whether the file has a second, usable grain directory.
      public let hasRedundantDirectory: Bool
      public let wasClosedCleanly: Bool
    }

    init(_ extent: VMDKExtent, _ header: ExtentHeader?, access: String?, type: String?, file: FilePath?) {
      self.access = access
      self.type = type
      self.file = file
      self.extent = extent
      size = extent.size
      if case .flat(_, let start) = extent.storage { self.start = start } else { start = nil }
      grains = header.map(Grains.init)
    }

    /// Reads all the grain tables, and counts how the bytes of the extent are stored.
    /// - Parameter progress: called from time to time with the fraction done, from 0 to 1.
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

  /// The number of bytes of an extent in each state. Bytes that are counted nowhere are unallocated.
  public struct Usage: Sendable {
    /// Bytes stored in the file; for a flat extent, those that the filesystem has allocated.
    public var stored: UInt64 = 0
    /// Zeros that are not stored in the file.
    public var zero: UInt64 = 0
    /// Bytes that are damaged, or that are declared inaccessible.
    public var unreadable: UInt64 = 0
    /// A description of each kind of damage, one line each.
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
