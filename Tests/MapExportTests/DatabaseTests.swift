import BlockMap
import Foundation
import SQLite
import Subprocess
import SystemPackage
import Testing

@testable import MapExport

@Suite struct DatabaseTests {
  /// An empty file that is removed in the end.
  private final class File {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).db").path
    init() { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
  }

  private func write(_ source: ExportSource, to file: File) throws {
    let database = try Database(path: FilePath(file.path))
    try MapDatabase.write(source, to: database)
    try database.close()
  }

  /// What sqlite3(1) answers: a line for each row.
  private func ask(_ question: String, _ file: File) async throws -> [String] {
    let result = try await Subprocess.run(
      .name("sqlite3"), arguments: [file.path, question], output: .string(limit: 1 << 20), error: .string(limit: 4096))
    #expect(result.terminationStatus.isSuccess, "\(result.standardError)")
    return result.standardOutput.split(separator: "\n").map(String.init)
  }

  @Test func tables() async throws {
    let file = File()
    try write(ExportSource(try hostileMap()), to: file)
    #expect(try await ask("PRAGMA integrity_check; PRAGMA foreign_key_check", file) == ["ok"])
    #expect(try await ask("SELECT disk, size, format, file FROM disks", file) == ["1|1048576|raw|a<b c"])
    #expect(
      try await ask("SELECT name, type, encrypted FROM devices", file) == [
        "/dev/sda1|e<4|1", "/dev/sda2|swap|0", "/dev/sda||0",
      ])
    #expect(
      try await ask(
        "SELECT start, length, offset FROM ranges JOIN objects USING (object) WHERE path = '/twice' ORDER BY offset, start",
        file) == ["16384|8192|0", "20480|8192|0", "12288|4096|4096"])
    let hex = try await ask("SELECT hex(path_raw), path FROM objects WHERE path LIKE '/d/%'", file)
    let raw = hostilePath.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    #expect(hex == ["\(raw)|\(hostileText)\u{fffe}\u{ffff}é]]>"])
  }

  /// The names of The Sleuth Kit's tables.
  @Test func views() async throws {
    let file = File()
    let source = ExportSource(
      try map("1 0 1000 d /dev/sda1 /\n1 1000 2000 f /dev/sda1 /a/b c/d.txt\n1 3000 4000 f@1000 /dev/sda1 /a/b c/d.txt")
    )
    try write(source, to: file)
    #expect(
      try await ask("SELECT parent_path, name, dir_type, meta_type FROM tsk_files", file) == [
        "/||3|2", "/a/b c/|d.txt|5|1",
      ])
    #expect(
      try await ask(
        "SELECT byte_start, byte_len, sequence FROM tsk_file_layout JOIN tsk_files USING (obj_id) WHERE name = 'd.txt'",
        file) == ["4096|4096|0", "12288|4096|1"])
  }

  @Test func selections() async throws {
    let file = File()
    try write(ExportSource(try hostileMap(), selection: ObjectSelection(kinds: [.directory])), to: file)
    #expect(try await ask("SELECT kind, path FROM objects; SELECT count(*) FROM ranges", file) == ["d|/", "1"])
    #expect(try await ask("SELECT name FROM devices", file) == ["/dev/sda1"])
  }

  /// A selection leaves nothing in any table that no range refers to, and keeps the numbers of what is left.
  @Test func oneDisk() async throws {
    let header = """
      # disk 1 size=100000 file=a
      # disk 2 size=100000 file=b
      # device /dev/sda1 type=ext4
      # device /dev/sdb1 type=xfs
      # device /dev/sdc1 type=swap

      """
    let two = try map(
      "1 0 1000 f /dev/sda1 /x\n2 0 1000 f /dev/sdb1 /y\n2 1000 2000 d /dev/sdb1 /\n1 1000 2000 f /dev/md0 /both\n"
        + "2 2000 3000 f /dev/md0 /both", header: header)
    let question = """
      SELECT disk, file FROM disks; SELECT name FROM devices ORDER BY name; SELECT path FROM objects ORDER BY path;
      SELECT count(*) FROM ranges; PRAGMA foreign_key_check;
      """
    let (second, both, all) = (File(), File(), File())
    try write(ExportSource(two, disk: 2), to: second)
    #expect(try await ask(question, second) == ["2|b", "/dev/md0", "/dev/sdb1", "/", "/both", "/y", "3"])
    var selection = ObjectSelection()
    selection.devices = [Array("/dev/sda1".utf8)]
    try write(ExportSource(two, selection: selection), to: both)
    #expect(try await ask(question, both) == ["1|a", "/dev/sda1", "/x", "1"])
    try write(ExportSource(two), to: all)
    #expect(try await ask("SELECT count(*) FROM devices; SELECT count(*) FROM disks", all) == ["4", "2"])
  }

  /// SQLite's numbers are signed.
  @Test func numbersThatDoNotFit() throws {
    let map = try map("1 0 1000 f /dev/sda1 /x", header: "# disk 1 size=ffffffffffffffff\n")
    #expect(throws: ExportError.self) { try write(ExportSource(map), to: File()) }
  }

  @Test func errorsOfSQLite() throws {
    #expect(throws: SQLiteError.self) { try Database(path: "/nonexistent/file") }
    let file = File()
    try Data("this is not a database, and it is long enough".utf8).write(to: URL(fileURLWithPath: file.path))
    let database = try Database(path: FilePath(file.path))
    #expect(throws: SQLiteError.self) { try database.execute("CREATE TABLE x (y)") }
  }
}
