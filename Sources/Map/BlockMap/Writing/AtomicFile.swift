import Glibc
import SystemPackage

/// An output file that appears complete or not at all.
///
/// The output goes to an unnamed file (`O_TMPFILE`) in the target's directory, so that a killed process leaves nothing
/// behind; if the filesystem does not support this, it goes to a file with a temporary name. `commit` syncs the file
/// and gives it the target's name. If the value is dropped before that, the target is unchanged.
///
/// A target that exists and is not a regular file (`/dev/stdout`, a FIFO) is written directly.
public struct AtomicFile: ~Copyable {
  private enum State {
    /// An unnamed file, which will become the target.
    case unnamed
    /// A file with this temporary name, which will be renamed to the target.
    case named(FilePath)
    /// The target itself. If `owned`, its descriptor must be closed here.
    case direct(owned: Bool)
    /// Committed or abandoned: nothing is open.
    case closed
  }

  /// The name for error messages: the one that the user gave.
  private let path: FilePath
  /// The regular file to replace, after symbolic links.
  private let target: FilePath
  private let descriptor: FileDescriptor
  private var state: State

  private static let permissions = FilePermissions(rawValue: 0o666)
  private static let namesTried = 100

  /// Starts an output that will become `path`, with mode 0666 minus the umask.
  ///
  /// Throws `PATH: reason` if the target is a directory or a file that may not be written, or if no file can be created
  /// in its directory.
  public init(path: FilePath) throws(MapError) {
    try self.init(path: path, allowingUnnamed: true)
  }

  /// If `allowingUnnamed` is false, behaves as on a filesystem without `O_TMPFILE`.
  init(path: FilePath, allowingUnnamed: Bool) throws(MapError) {
    let (target, descriptor, state) = try Self.begin(path, allowingUnnamed)
    self.path = path
    self.target = target
    self.descriptor = descriptor
    self.state = state
  }

  /// Throws what `init` would, as far as this can be known without opening the target. Leaves nothing behind.
  public static func checkWritable(_ path: FilePath) throws(MapError) {
    switch try TargetFile.find(path) {
    case .descriptor: return
    // Opening a FIFO would wait for its reader.
    case .special(let found): try checkOverwritable(found, for: path)
    case .regular: _ = try AtomicFile(path: path)
    }
  }

  deinit {
    switch state {
    case .named(let temporary):
      _ = temporary.withPlatformString { unlink($0) }
      close(descriptor.rawValue)
    case .unnamed, .direct(owned: true):
      close(descriptor.rawValue)
    case .direct(owned: false), .closed:
      break
    }
  }

  /// Appends `bytes`. After an error, such as a full disk, the value can only be dropped.
  public mutating func write(_ bytes: [UInt8]) throws(MapError) {
    do {
      try descriptor.writeAll(bytes)
    } catch {
      throw .system(path, Self.errno(error), doing: "cannot write")
    }
  }

  /// Turns the output into the target. On an error, the target is unchanged.
  public mutating func commit() throws(MapError) {
    switch state {
    case .closed, .direct(owned: false):
      break
    case .direct(owned: true):
      state = .closed
      guard close(descriptor.rawValue) == 0 else { throw .system(path, Self.lastError, doing: "cannot write") }
    case .unnamed:
      try sync()
      try link()
      close(descriptor.rawValue)
      state = .closed
      syncDirectory()
    case .named(let temporary):
      try sync()
      try rename(temporary)
      close(descriptor.rawValue)
      state = .closed
      syncDirectory()
    }
  }

  // MARK: Beginning

  private static func begin(
    _ path: FilePath, _ allowingUnnamed: Bool
  ) throws(MapError) -> (FilePath, FileDescriptor, State) {
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
      let (descriptor, state) = try create(beside: found, for: path, allowingUnnamed)
      return (found, descriptor, state)
    }
  }

  private static func checkOverwritable(_ target: FilePath, for path: FilePath) throws(MapError) {
    // Renaming over a file needs only write permission for its directory, but a read-only file should stay as it is.
    guard target.withPlatformString({ access($0, W_OK) }) != 0 else { return }
    let error = lastError
    if error != .noSuchFileOrDirectory { throw .system(path, error) }
  }

  private static func create(
    beside target: FilePath, for path: FilePath, _ allowingUnnamed: Bool
  ) throws(MapError) -> (FileDescriptor, State) {
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

  /// Nil if this is not supported, or if it fails for another reason, which creating a named file will report.
  private static func createUnnamed(in directory: FilePath) -> FileDescriptor? {
    // glibc's O_TMPFILE is a macro that Swift does not import.
    let options = FileDescriptor.OpenOptions(rawValue: 0o20_000_000 | O_DIRECTORY | O_CLOEXEC)
    guard
      let descriptor = try? FileDescriptor.open(
        directory, .writeOnly, options: options, permissions: permissions)
    else { return nil }
    // The file gets its name through /proc, which can be missing in a chroot.
    if access("/proc/self/fd/\(descriptor.rawValue)", F_OK) == 0 { return descriptor }
    close(descriptor.rawValue)
    return nil
  }

  // MARK: Committing

  private func sync() throws(MapError) {
    guard fsync(descriptor.rawValue) == 0 else { throw .system(path, Self.lastError, doing: "cannot write") }
  }

  private mutating func link() throws(MapError) {
    // A new target does not need a temporary name, not even for a moment.
    switch linkUnnamed(to: target) {
    case nil: return
    case .some(.fileExists): break
    case .some(let error): throw .system(path, error, doing: "cannot create")
    }
    for _ in 0..<Self.namesTried {
      let name = Self.temporaryName(beside: target)
      switch linkUnnamed(to: name) {
      case nil:
        state = .named(name)
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

  /// Ensures that the new name survives a power failure. The map is complete in any case, so a failure is not an error.
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
    // The name is not made from the target's name, which can already have the maximum length.
    let random = String(UInt64.random(in: .min ... .max), radix: 36)
    return directory(of: target).appending(".virt-bmap-\(random).tmp")
  }

  private static var lastError: Errno { Errno(rawValue: Glibc.errno) }

  private static func errno(_ error: any Error) -> Errno { error as? Errno ?? .ioError }
}
