/// What the walker reports to the mapper.
///
/// The walker writes records to the channel disk, and the recorder inserts them into the stream of recorded reads.
/// Reads between two records belong to the first of them.
///
/// On the wire, all integers are little-endian: one byte for the type, one for flags (the kind of an object, the
/// layout of a chunk, the content of an extent), two for the length of the rest, then the other fields in the order of
/// the cases below, and the name if there is one. Fields have 64 bits, except a chunk's `number` and `replaces`, which
/// have 32.
public enum Record: Equatable, Sendable {
  /// The number that the walker assigns to a file or directory, unique within one walk. The root directory is 1.
  public typealias ObjectID = UInt64

  /// The kind of an object.
  public enum Kind: UInt8, Sendable {
    case directory = 0x64  // d
    case file = 0x66  // f
    /// A symbolic link or a special file, which has no data of its own: whatever is stored for it is metadata.
    case other = 0x6f  // o
  }

  /// The walk starts. `inodes` and `bytes` are in use according to the filesystem; 0 if it does not say.
  case begin(inodes: UInt64, bytes: UInt64)
  /// A file, a directory or another object, with its first name.
  case object(id: ObjectID, parent: ObjectID, kind: Kind, name: [UInt8])
  /// The inode number of an object, if the mapper needs it.
  case inode(id: ObjectID, number: UInt64)
  /// The inode number of an encrypted file that cannot be opened without its key. The mapper has to find out where
  /// its bytes are.
  case encrypted(id: ObjectID, number: UInt64)
  /// Another name of a file, or of any object that is not a directory.
  case link(id: ObjectID, parent: ObjectID, name: [UInt8])
  /// The reads that follow are of the object's bytes.
  case chunk(Chunk)
  /// The reads that follow belong to no object.
  case idle
  /// The chunks before this will not be read again.
  case settled
  /// The filesystem reports where bytes are. The reads that follow belong to no object.
  case extent(ReportedExtent)
  /// A name that could not be examined, with the errno.
  case failure(parent: ObjectID, errno: Int32, name: [UInt8])
  /// The walk is complete.
  case end
}

/// A part of an object whose bytes are contiguous, as the filesystem reports it. It is not read for this.
public struct ReportedExtent: Equatable, Sendable {
  public enum Content: UInt8, Sendable {
    /// The object's bytes.
    case data = 0
    /// The object's bytes, encoded, for example compressed: no part of the extent holds particular bytes.
    case encodedData = 1
    /// Metadata that the filesystem stores for the object, such as extended attributes.
    case metadata = 2
    /// The bytes of a file that is also read. The extent only shows whether the reads contradict the filesystem.
    case dataToCheck = 3
    /// Space that is allocated to the object but holds none of its bytes: it has not been written, or lies beyond the
    /// end of the file.
    case unwritten = 4
  }

  public var object: Record.ObjectID
  /// Offset from the start of the object, in bytes.
  public var offset: UInt64
  /// In bytes.
  public var length: UInt64
  /// The location, in bytes: an offset on the filesystem's device or, for Btrfs, a logical address.
  public var physical: UInt64
  public var content: Content

  public init(object: Record.ObjectID, offset: UInt64, length: UInt64, physical: UInt64, content: Content) {
    self.object = object
    self.offset = offset
    self.length = length
    self.physical = physical
    self.content = content
  }
}

/// A part of an object that is read as one unit.
public struct Chunk: Equatable, Sendable {
  /// How the bytes of a chunk follow from its reads.
  public enum Layout: UInt8, Sendable {
    /// `length` bytes, known to be contiguous: one contiguous range of that length, rounded up to a block and read
    /// in any order, holds them.
    case exact = 0
    /// Encoded bytes, such as compressed data: no range holds particular bytes of the chunk, so all are equivalent.
    case encoded = 1
    /// The object's bytes in the order of the reads. `length` is 0 if it is not known in advance.
    case stream = 2
    /// `length` bytes, which may be in several pieces, so only the bytes of a single read are known to be in order:
    /// pieces in the wrong order can be adjacent on the disk, and then look like one.
    case unproven = 3
    /// `length` bytes, less if there are holes among them, read in order.
    case ordered = 4
    /// Read only to check that the bytes are at `physical`, as the filesystem reports.
    case proof = 5

    /// Whether the chunk is to be read again in smaller pieces until it is known which bytes each range holds.
    public var isExact: Bool { self == .exact || self == .unproven || self == .ordered }
  }

  /// The chunk's number within the walk, from 1.
  public var number: UInt32
  /// The number of the chunk that this one is a part of, and that is being read again in smaller pieces; 0 if none.
  public var replaces: UInt32
  public var object: Record.ObjectID
  /// Offset from the start of the object, in bytes.
  public var offset: UInt64
  /// In bytes.
  public var length: UInt64
  public var layout: Layout
  /// The location that the filesystem reports, in bytes: an offset on its device or, for Btrfs, a logical address. 0
  /// if the filesystem is not asked.
  public var physical: UInt64

  public init(
    number: UInt32, replaces: UInt32 = 0, object: Record.ObjectID, offset: UInt64, length: UInt64, layout: Layout,
    physical: UInt64 = 0
  ) {
    self.number = number
    self.replaces = replaces
    self.object = object
    self.offset = offset
    self.length = length
    self.layout = layout
    self.physical = physical
  }
}
