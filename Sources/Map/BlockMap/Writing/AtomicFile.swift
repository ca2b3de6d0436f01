import Glibc
import SystemPackage

/// An output file that appears whole or not at all.
///
/// What is written goes to a file without a name (`O_TMPFILE`) in the target's directory, so that a killed
/// process leaves nothing behind, or, where the filesystem has no such files, to one with a temporary name.
/// `commit` syncs it and gives it the target's name; a value dropped before that leaves the target as it was.
///
/// A target that exists and is no regular file (`/dev/stdout`, a FIFO) is written directly.
public struct AtomicFile: ~Copyable {
  private enum Place {
    /// A file without a name, which will be the target.
    case unnamed
    /// A file with this temporary name, which will be renamed to the target.
    case named(FilePath)
    /// The target itself; `owned` if its descriptor is ours to close.
    case direct(owned: Bool)
    /// Committed or given up: nothing is open.
    case closed
  }

  /// The name that errors say: the one the user gave.
  private let path: FilePath
  /// The regular file to replace, symbolic links followed.
  private let target: FilePath
  private let descriptor: FileDescriptor
  private var place: Place

  private static let permissions = FilePermissions(rawValue: 0o666)
  private static let namesTried = 100

  /// Begins an output that is to become `path`, with mode 0666 less the umask.
  ///
  /// Throws `PATH: reason` if the target is a directory or a file that may not be written, or no file can be
  /// created beside it.
  public init(path: FilePath) throws(MapError) {
    try self.init(path: path, allowingUnnamed: true)
  }

  /// `allowingUnnamed` is false to behave as on a filesystem without `O_TMPFILE`.
  init(path: FilePath, allowingUnnamed: Bool) throws(MapError) {
    let (target, descriptor, place) = try Self.begin(path, allowingUnnamed)
    self.path = path
    self.target = target
    self.descriptor = descriptor
    self.place = place
  }

  /// Throws what `init` would, if it can be known without opening the target, and leaves nothing behind.
  public static func checkWritable(_ path: FilePath) throws(MapError) {
    switch try TargetFile.find(path) {
    case .descriptor: return
    // Opening a FIFO would wait for its reader.
    case .special(let found): try checkOverwritable(found, for: path)
    case .regular: _ = try AtomicFile(path: path)
    }
  }

  deinit {
    switch place {
    case .named(let temporary):
      _ = temporary.withPlatformString { unlink($0) }
      close(descriptor.rawValue)
    case .unnamed, .direct(owned: true):
      close(descriptor.rawValue)
    case .direct(owned: false), .closed:
      break
    }
  }

  /// Appends `bytes`. On an error, such as a full disk, the value can only be dropped.
  public mutating func write(_ bytes: [UInt8]) throws(MapError) {
    do {
      try descriptor.writeAll(bytes)
    } catch {
      throw .system(path, Self.errno(error), doing: "cannot write")
    }
  }

  /// Makes what was written the target. On an error the target is as it was.
  public mutating func commit() throws(MapError) {
    switch place {
    case .closed, .direct(owned: false):
      break
    case .direct(owned: true):
      place = .closed
      guard close(descriptor.rawValue) == 0 else { throw .system(path, Self.lastError, doing: "cannot write") }
    case .unnamed:
      try sync()
      try link()
      close(descriptor.rawValue)
      place = .closed
      syncDirectory()
    case .named(let temporary):
      try sync()
      try rename(temporary)
      close(descriptor.rawValue)
      place = .closed
      syncDirectory()
    }
  }

  // MARK: Beginning

  private static func begin(
    _ path: FilePath, _ allowingUnnamed: Bool
  ) throws(MapError) -> (FilePath, FileDescriptor, Place) {
    switch try TargetFile.find(path) {
    case .descriptor(let descriptor):
      return (path, descriptor, .direct(owned: false))
    case .special(let found):
      do {
        let descriptor = try FileDescriptor.open(found, .writeOnly, options: [.closeOnExec])
        return (found, descriptor, .direct(owned: true))
      } catch {
        throw .system(path, errno(error))
      }
    case .regular(let found):
      try checkOverwritable(found, for: path)
      let (descriptor, place) = try create(beside: found, for: path, allowingUnnamed)
      return (found, descriptor, place)
    }
  }

  private static func checkOverwritable(_ target: FilePath, for path: FilePath) throws(MapError) {
    // Renaming over a file asks only for its directory's permission; a file made read-only is meant to stay.
    guard target.withPlatformString({ access($0, W_OK) }) != 0 else { return }
    let error = lastError
    if error != .noSuchFileOrDirectory { throw .system(path, error) }
  }

  private static func create(
    beside target: FilePath, for path: FilePath, _ allowingUnnamed: Bool
  ) throws(MapError) -> (FileDescriptor, Place) {
    if allowingUnnamed, let unnamed = createUnnamed(in: directory(of: target)) { return (unnamed, .unnamed) }
    for _ in 0..<namesTried {
      let name = temporaryName(beside: target)
      do {
        let descriptor = try FileDescriptor.open(
          name, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: permissions)
        return (descriptor, .named(name))
      } catch {
        let error = errno(error)
        if error != .fileExists { throw .system(path, error, doing: "cannot create a file in its directory") }
      }
    }
    throw .system(path, .fileExists, doing: "cannot create a file in its directory")
  }

  /// Nil where it is not supported or fails for another reason, which creating a named file then finds out.
  private static func createUnnamed(in directory: FilePath) -> FileDescriptor? {
    // glibc's O_TMPFILE is a macro that Swift does not import.
    let options = FileDescriptor.OpenOptions(rawValue: 0o20_000_000 | O_DIRECTORY | O_CLOEXEC)
    guard
      let descriptor = try? FileDescriptor.open(
        directory, .writeOnly, options: options, permissions: permissions)
    else { return nil }
    // It gets its name through /proc, which a chroot may lack.
    if access("/proc/self/fd/\(descriptor.rawValue)", F_OK) == 0 { return descriptor }
    close(descriptor.rawValue)
    return nil
  }

  // MARK: Committing

  private func sync() throws(MapError) {
    guard fsync(descriptor.rawValue) == 0 else { throw .system(path, Self.lastError, doing: "cannot write") }
  }

  private mutating func link() throws(MapError) {
    // A new target needs no other name, not even for a moment.
    switch linkUnnamed(to: target) {
    case nil: return
    case .some(.fileExists): break
    case .some(let error): throw .system(path, error, doing: "cannot create")
    }
    for _ in 0..<Self.namesTried {
      let name = Self.temporaryName(beside: target)
      switch linkUnnamed(to: name) {
      case nil:
        place = .named(name)
        return try rename(name)
      case .some(.fileExists): continue
      case .some(let error): throw .system(path, error, doing: "cannot create a file in its directory")
      }
    }
    throw .system(path, .fileExists, doing: "cannot create a file in its directory")
  }

  private func linkUnnamed(to name: FilePath) -> Errno? {
    let status = name.withPlatformString { name in
      linkat(AT_FDCWD, "/proc/self/fd/\(descriptor.rawValue)", AT_FDCWD, name, AT_SYMLINK_FOLLOW)
    }
    return status == 0 ? nil : Self.lastError
  }

  private func rename(_ temporary: FilePath) throws(MapError) {
    let status = temporary.withPlatformString { from in target.withPlatformString { Glibc.rename(from, $0) } }
    guard status == 0 else { throw .system(path, Self.lastError, doing: "cannot replace") }
  }

  /// So that the new name survives a power cut; the map is complete either way, so a failure is no error.
  private func syncDirectory() {
    guard let directory = try? FileDescriptor.open(Self.directory(of: target), .readOnly) else { return }
    fsync(directory.rawValue)
    close(directory.rawValue)
  }

  // MARK: Names and errors

  private static func directory(of target: FilePath) -> FilePath {
    let directory = target.removingLastComponent()
    return directory.isEmpty ? "." : directory
  }

  private static func temporaryName(beside target: FilePath) -> FilePath {
    // Not made from the target's name, which may be as long as a name can be.
    let random = String(UInt64.random(in: .min ... .max), radix: 36)
    return directory(of: target).appending(".virt-bmap-\(random).tmp")
  }

  private static var lastError: Errno { Errno(rawValue: Glibc.errno) }

  private static func errno(_ error: any Error) -> Errno { error as? Errno ?? .ioError }
}
