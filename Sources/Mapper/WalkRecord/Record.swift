/// What the walker tells the mapper: it writes records to the channel disk, the recorder puts them into the stream of
/// recorded reads, and whatever was read between two of them belongs to the former.
///
/// On the wire, all integers little endian: one byte type, one byte flags, two bytes length of what follows, the
/// fields in the order of the cases below, then a name where there is one.
public enum Record: Equatable, Sendable {
  /// A number the walker gives to a file or directory, unique within one walk. The root directory is 1.
  public typealias ObjectID = UInt64

  /// What kind of object is declared.
  public enum Kind: UInt8, Sendable {
    case directory = 0x64  // d
    case file = 0x66  // f
    /// A symbolic link or a special file: what is stored of it is the filesystem's.
    case other = 0x6f  // o
  }

  /// The walk begins. `inodes` and `bytes` are what the filesystem says is in use, 0 where it does not say.
  case begin(inodes: UInt64, bytes: UInt64)
  /// A file, a directory or something else, by its first name.
  case object(id: ObjectID, parent: ObjectID, kind: Kind, name: [UInt8])
  /// The number by which the filesystem knows an object, where the mapper needs it.
  case inode(id: ObjectID, number: UInt64)
  /// A file, by the number by which the filesystem knows it, that does not open without the key to its bytes. Where they are
  /// is for the mapper to find out.
  case encrypted(id: ObjectID, number: UInt64)
  /// One more name of a file.
  case link(id: ObjectID, parent: ObjectID, name: [UInt8])
  /// From here on the object's bytes are read.
  case chunk(Chunk)
  /// From here on reads belong to no object.
  case idle
  /// Chunks up to here will not be read again.
  case settled
  /// A name that could not be examined, with the errno.
  case failure(parent: ObjectID, errno: Int32, name: [UInt8])
  /// The walk is complete.
  case end
}

/// A part of an object that is read in one go.
public struct Chunk: Equatable, Sendable {
  /// How the reads of a chunk make up its bytes.
  public enum Layout: UInt8, Sendable {
    /// As many bytes as the chunk has, known to lie in one piece: one contiguous range, read in any order, is they.
    case exact = 0
    /// Not the bytes themselves (compressed data): every range is as good as the first.
    case encoded = 1
    /// The object's bytes in the order of the reads; `length` is not known beforehand.
    case stream = 2
    /// As many bytes as the chunk has, which may lie in several pieces: only what came in one read is in order. Pieces
    /// out of order can be neighbours, so that together they look like one.
    case unproven = 3
    /// As many bytes as the chunk has, if there are no holes in it, read in their order.
    case ordered = 4
    /// Not read: the filesystem says that the chunk's bytes lie in one piece at `physical`.
    case told = 5
    /// Read only to see whether it lies where the filesystem says, at `physical`.
    case proof = 6
    /// Not read: what the filesystem keeps for the object beside its bytes (extended attributes) lies in one piece at
    /// `physical`.
    case kept = 7
    /// As `told`, but of bytes that are encoded: every part is as good as the first.
    case toldEncoded = 8
    /// Read elsewhere in the stream: the filesystem says that the chunk's bytes lie in one piece at `physical`.
    case claimed = 9

    /// Whether the chunk is to be read in smaller pieces until it is known which bytes each range holds.
    public var isExact: Bool { self == .exact || self == .unproven || self == .ordered }
  }

  /// Counts the chunks of a walk, from 1.
  public var number: UInt32
  /// The chunk that this one is a part of, read again in smaller pieces; 0 for none.
  public var replaces: UInt32
  public var object: Record.ObjectID
  /// Bytes from the object's beginning.
  public var offset: UInt64
  /// Bytes.
  public var length: UInt64
  public var layout: Layout
  /// Where the filesystem says that the bytes are, in bytes of its own addresses, where it is asked: of its device or,
  /// for Btrfs, of the addresses that its chunks make up.
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
