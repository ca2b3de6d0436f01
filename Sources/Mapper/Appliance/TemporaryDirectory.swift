import FoundationEssentials
import Glibc
import SystemPackage

/// A directory for this run, under $TMPDIR or /var/tmp, that only the user can enter.
///
/// Child processes put their temporary files in it too, so that nothing is left over if they are killed.
package struct TemporaryDirectory {
  package let path: FilePath
  /// The directory for temporary files outside this run; libguestfs caches its appliance there between runs.
  package let parent: String

  /// Creates the directory and sets it as $TMPDIR for child processes: libguestfs starts some of them, and they get
  /// the environment of this process.
  package init() throws(MapperError) {
    let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    // Child processes may run in another directory, so they need an absolute path.
    let absolute = named.isEmpty ? nil : realpath(named, nil)
    defer { free(absolute) }
    parent = absolute.map { String(cString: $0) } ?? (named.isEmpty ? "/var/tmp" : named)
    var template = Array("\(parent)/virt-bmap-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw .missing("\(parent): no temporary directory can be made: \(String(cString: strerror(errno)))")
    }
    path = FilePath(bytes: template.dropLast().map { UInt8(bitPattern: $0) })
    setenv("TMPDIR", path.string, 1)
  }

  /// Calls `body` with $TMPDIR as it was before, for what makes a directory of its own.
  package func outside<T>(_ body: () async throws -> T) async rethrows -> T {
    setenv("TMPDIR", parent, 1)
    defer { setenv("TMPDIR", path.string, 1) }
    return try await body()
  }

  /// Removes the directory with its contents, and resets $TMPDIR.
  package func remove() {
    try? FileManager.default.removeItem(atPath: path.string)
    setenv("TMPDIR", parent, 1)
  }
}
