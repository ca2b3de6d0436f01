/// An object in a JSON text, with the values that formats of lists ask for.
struct JSONRecord {
  enum Key: String, CaseIterable {
    case start, length, offset, type, description, depth, present, data, startOffset, changedArea
    case blockIndex = "BlockIndex"
    case blockSize = "BlockSize"
    case nextToken = "NextToken"

    private static let names = allCases.map { Array($0.rawValue.utf8) }

    init?(_ name: [UInt8]) {
      guard let index = Self.names.firstIndex(of: name) else { return nil }
      self = Self.allCases[index]
    }

    fileprivate var index: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  enum Value: Equatable {
    case number(UInt64)
    case bool(Bool)
    /// At most `JSONScanner.textKept` bytes.
    case text([UInt8])
    case null
    /// A number that is negative or not whole, an object or an array.
    case other
  }

  /// The line on which the object ends, from 1.
  var line = 0
  /// The key of the array that it is in; nil if it is in none, or under another key.
  var array: Key?
  private var values: [(key: Key, value: Value)] = []

  init(in array: Key?) { self.array = array }

  /// If a key is there twice, the last one counts.
  subscript(key: Key) -> Value? {
    get { values.last { $0.key == key }?.value }
  }

  mutating func set(_ key: Key, _ value: Value) {
    values.removeAll { $0.key == key }
    values.append((key, value))
  }

  func number(_ key: Key) throws(ListProblem) -> UInt64 {
    guard case .number(let number) = self[key] else {
      throw ListProblem("\"\(key.rawValue)\" is missing, or not a whole number below 2^64")
    }
    return number
  }

  func isTrue(_ key: Key) throws(ListProblem) -> Bool {
    guard case .bool(let isTrue) = self[key] else { throw ListProblem("\"\(key.rawValue)\" is not true or false") }
    return isTrue
  }
}
