import AccessLog
import BlockMap

/// A request, or in the text log a range, as a log tells it. A parser uses the memory of one request for the next.
package struct LoggedRequest {
  /// A part of the request with the objects that it belongs to.
  package struct Piece {
    /// In bytes of the disk.
    package var range: Range<UInt64>
    /// Whether it was written after the map was made.
    package var isStale = false
    /// Whether it is the rest of a request that had too many pieces, whose objects are not known.
    package var isRest = false
    fileprivate(set) var owners: Range<Int>
    fileprivate(set) var namedCount = 0
  }

  /// An object with the offset in it, in bytes, at which a piece begins; nil if the log does not say it.
  package struct Owner {
    package var object: ObjectID
    package var offset: UInt64?
  }

  /// In nanoseconds on the log's clock; nil if the log has no times.
  package internal(set) var time: UInt64?
  package internal(set) var operation = Operation.read
  /// From 1.
  package internal(set) var disk = 1
  /// From 1; 1 in a text log.
  package internal(set) var connection: UInt32 = 1
  /// In bytes of the disk. Empty for a flush.
  package internal(set) var range: Range<UInt64> = 0..<0
  /// The name of the error that the client got; nil if there was none.
  package internal(set) var error: String?
  /// In nanoseconds; nil if the log does not tell it.
  package internal(set) var latency: UInt64?
  package private(set) var pieces: [Piece] = []
  private var owners: [Owner] = []

  /// All objects of a piece, the most specific first.
  package func owners(of piece: Piece) -> ArraySlice<Owner> { owners[piece.owners] }

  /// The most specific objects of a piece: all names of a file, and files that share the piece. Of devices that contain
  /// one another, only the innermost.
  package func named(of piece: Piece) -> ArraySlice<Owner> { owners[piece.owners].prefix(piece.namedCount) }

  /// Prepares the memory for another request.
  mutating func reset() {
    (time, operation, disk, connection, range, error, latency) = (nil, .read, 1, 1, 0..<0, nil, nil)
    pieces.removeAll(keepingCapacity: true)
    owners.removeAll(keepingCapacity: true)
  }

  /// Adds an object of the piece that is added next.
  mutating func add(_ owner: Owner) { owners.append(owner) }

  /// Adds a piece with the objects that were added since the last one.
  /// - Parameter named: how many of the objects are the most specific; nil to find out from their kinds.
  mutating func addPiece(
    _ range: Range<UInt64>, isStale: Bool, isRest: Bool, named: Int? = nil, in objects: ObjectTable
  ) {
    let all = (pieces.last?.owners.upperBound ?? 0)..<owners.count
    var piece = Piece(range: range, isStale: isStale, isRest: isRest, owners: all)
    piece.namedCount = named ?? mostSpecific(of: all, in: objects)
    pieces.append(piece)
  }

  private func mostSpecific(of all: Range<Int>, in objects: ObjectTable) -> Int {
    guard let first = all.first else { return 0 }
    let kind = objects.kind(of: owners[first].object)
    guard !kind.isDevice else { return 1 }
    return all.prefix { objects.kind(of: owners[$0].object).specificity == kind.specificity }.count
  }
}
