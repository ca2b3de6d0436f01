import CSQLite

/// A prepared statement. Set its values, which are counted from 1, and run it. A value that is not set is NULL.
public final class Statement {
  private let handle: OpaquePointer
  private let database: OpaquePointer
  /// Makes SQLite copy the bytes; SQLite defines it as -1.
  private static let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  init(_ handle: OpaquePointer, of database: OpaquePointer) {
    self.handle = handle
    self.database = database
  }

  deinit { sqlite3_finalize(handle) }

  public func set(_ index: Int32, _ number: Int64) throws(SQLiteError) {
    try check(sqlite3_bind_int64(handle, index, number))
  }

  /// - Parameter text: UTF-8 without NUL.
  public func set(_ index: Int32, text: [UInt8]) throws(SQLiteError) {
    try check(
      text.withUnsafeBytes { bytes in
        // Without bytes there may be no address, which would mean NULL.
        guard let start = bytes.baseAddress else {
          return sqlite3_bind_text64(handle, index, "", 0, Self.copies, Self.utf8)
        }
        return sqlite3_bind_text64(
          handle, index, start.assumingMemoryBound(to: CChar.self), UInt64(bytes.count), Self.copies, Self.utf8)
      })
  }

  private static let utf8 = UInt8(SQLITE_UTF8)

  public func set(_ index: Int32, blob: UnsafeRawBufferPointer) throws(SQLiteError) {
    guard let start = blob.baseAddress, !blob.isEmpty else {
      return try check(sqlite3_bind_zeroblob(handle, index, 0))
    }
    try check(sqlite3_bind_blob64(handle, index, start, UInt64(blob.count), Self.copies))
  }

  /// Runs the statement, and forgets the values.
  public func run() throws(SQLiteError) {
    let status = sqlite3_step(handle)
    guard status == SQLITE_DONE || status == SQLITE_ROW else {
      let error = SQLiteError(status, of: database)
      sqlite3_reset(handle)
      throw error
    }
    try check(sqlite3_reset(handle))
    try check(sqlite3_clear_bindings(handle))
  }

  private func check(_ status: CInt) throws(SQLiteError) {
    guard status == SQLITE_OK else { throw SQLiteError(status, of: database) }
  }
}
