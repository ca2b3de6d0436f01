import FoundationEssentials
import Glibc
import SystemPackage

/// A directory for this run, under $TMPDIR or /var/tmp, that only the user may enter.
///
/// The programs that are started from here put their temporary files there too, so that nothing is left when they are
/// killed.
package struct TemporaryDirectory {
  package let path: FilePath
  /// Where temporary files would go otherwise; libguestfs keeps its appliance there from run to run.
  package let parent: String

  /// Makes the directory and names it to child processes as their $TMPDIR.
  package init() throws(MapperError) {
    let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    // What is started from here takes no name that depends on where it is started.
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

  /// Removes the directory and all in it.
  package func remove() {
    try? FileManager.default.removeItem(atPath: path.string)
    setenv("TMPDIR", parent, 1)
  }
}
