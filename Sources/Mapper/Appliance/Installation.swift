import Glibc
import SystemPackage

/// The recorder plugin and the walker, the two files besides the program that are needed to map disks.
///
/// When installed, they are in `../lib/virt-bmap` relative to the program's directory; in a build directory, they
/// are next to the program.
public struct Installation: Sendable {
  public let recorder: FilePath
  public let walker: FilePath

  /// Looks for the files, starting from the location of the running program.
  public init() throws(MapperError) {
    let program = try Self.runningProgram()
    let directory = program.removingLastComponent()
    let candidates: [(FilePath, FilePath)] = [
      (
        directory.appending("../lib/virt-bmap/nbdkit-bmaprecorder-plugin.so").lexicallyNormalized(),
        directory.appending("../lib/virt-bmap/virt-bmap-walker").lexicallyNormalized()
      ),
      (directory.appending("libnbdkit-bmaprecorder-plugin.so"), directory.appending("virt-bmap-walker")),
    ]
    for (recorder, walker) in candidates where Self.isReadable(recorder) && Self.isReadable(walker) {
      self.recorder = recorder
      self.walker = walker
      return
    }
    throw .missing("\(candidates[0].0): virt-bmap is not completely installed: this file is missing")
  }

  private static func runningProgram() throws(MapperError) -> FilePath {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.assumingMemoryBound(to: CChar.self).baseAddress.map { readlink("/proc/self/exe", $0, bytes.count) } ?? -1
    }
    guard count > 0 else { throw .missing("/proc/self/exe: cannot be read") }
    return FilePath(bytes: buffer[..<count])
  }

  private static func isReadable(_ path: FilePath) -> Bool {
    path.withPlatformString { access($0, R_OK) == 0 }
  }
}

extension FilePath {
  /// Makes a path from the bytes of a name that contains no NUL.
  package init(bytes: some Collection<UInt8>) {
    let text = bytes.map { CChar(bitPattern: $0) } + [0]
    self = text.withUnsafeBufferPointer { $0.baseAddress.map { FilePath(platformString: $0) } ?? FilePath() }
  }

  /// The bytes of the path.
  package var bytes: [UInt8] { withPlatformString { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } }
}
