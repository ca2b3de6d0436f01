import CSQLite
public import SystemPackage

/// A new SQLite database in a file. Use it from one thread.
public final class Database {
  private let handle: OpaquePointer
  private var isOpen = true

  /// - Parameter path: the file, which must exist and be empty.
  /// - Throws: `SQLiteError`.
  public init(path: FilePath) throws(SQLiteError) {
    var opened: OpaquePointer?
    let status = path.withPlatformString { sqlite3_open_v2($0, &opened, SQLITE_OPEN_READWRITE, nil) }
    guard status == SQLITE_OK, let opened else {
      let error = SQLiteError(status, of: opened)
      sqlite3_close_v2(opened)
      throw error
    }
    handle = opened
  }

  /// Runs statements that return no rows.
  public func execute(_ sql: String) throws(SQLiteError) {
    let status = sqlite3_exec(handle, sql, nil, nil, nil)
    guard status == SQLITE_OK else { throw SQLiteError(status, of: handle) }
  }

  /// A statement to run many times. It must be gone before the database is closed.
  public func prepare(_ sql: String) throws(SQLiteError) -> Statement {
    var statement: OpaquePointer?
    let status = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard status == SQLITE_OK, let statement else { throw SQLiteError(status, of: handle) }
    return Statement(statement, of: handle)
  }

  /// - Throws: `SQLiteError` if something could not be written.
  public func close() throws(SQLiteError) {
    guard isOpen else { return }
    isOpen = false
    let status = sqlite3_close_v2(handle)
    guard status == SQLITE_OK else { throw SQLiteError(status, of: nil) }
  }

  deinit { if isOpen { sqlite3_close_v2(handle) } }
}

/// What SQLite says has failed.
public struct SQLiteError: Error, CustomStringConvertible {
  public let description: String

  init(_ status: CInt, of database: OpaquePointer?) {
    let text = database.map { sqlite3_errmsg($0) } ?? sqlite3_errstr(status)
    description = "SQLite: \(text.map { String(cString: $0) } ?? "error \(status)")"
  }
}
