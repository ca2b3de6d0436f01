import CGuestfs
import Glibc

/// A libguestfs handle: one appliance and the disks it sees. See guestfs(3).
///
/// Only one thread may use a handle at a time. Device names and mountables are bytes, because a Btrfs subvolume can
/// have any name.
public final class Guestfs {
  private let handle: OpaquePointer
  /// The last output of the appliance.
  public let log = ApplianceLog()

  public init() throws(GuestfsError) {
    // By default, the library closes the handle at exit, in whatever thread calls exit.
    guard
      let handle = bmap_guestfs_create(
        UInt32(GUESTFS_CREATE_NO_CLOSE_ON_EXIT) | UInt32(GUESTFS_CREATE_NO_ENVIRONMENT))
    else {
      throw GuestfsError("libguestfs cannot be initialized")
    }
    self.handle = handle
    // Errors are thrown. Without this they would be printed as well.
    guestfs_set_error_handler(handle, nil, nil)
    log.keepMessages(of: handle)
    // The environment is parsed here so that a bad value is an error like any other.
    try check(guestfs_parse_environment(handle))
    setVerbose(guestfs_get_verbose(handle) == 1)
    setTrace(guestfs_get_trace(handle) == 1)
  }

  deinit { guestfs_close(handle) }

  /// `-v`: libguestfs and the appliance print on stderr what they do.
  public func setVerbose(_ verbose: Bool) {
    guard verbose else { return }
    guestfs_set_verbose(handle, 1)
    Self.showMessages(of: handle, UInt64(GUESTFS_EVENT_APPLIANCE) | UInt64(GUESTFS_EVENT_LIBRARY))
  }

  /// `-x`: print the calls of this handle on stderr.
  public func setTrace(_ trace: Bool) {
    guard trace else { return }
    guestfs_set_trace(handle, 1)
    Self.showMessages(of: handle, UInt64(GUESTFS_EVENT_TRACE))
  }

  /// Sets the program name for libguestfs's messages.
  public func setProgram(_ name: String) throws(GuestfsError) { try check(guestfs_set_program(handle, name)) }

  /// Sets how the appliance is run: `direct` or `libvirt`. The default comes from the environment.
  public func setBackend(_ backend: String) throws(GuestfsError) { try check(guestfs_set_backend(handle, backend)) }

  /// Sets the directory that keeps the appliance between runs.
  public func setCacheDirectory(_ path: String) throws(GuestfsError) { try check(guestfs_set_cachedir(handle, path)) }

  /// Sets the directory for the temporary files of this handle.
  public func setTemporaryDirectory(_ path: String) throws(GuestfsError) {
    try check(guestfs_set_tmpdir(handle, path))
  }

  /// The directory for the temporary files of this handle.
  public var temporaryDirectory: String {
    get throws(GuestfsError) {
      guard let path = guestfs_get_tmpdir(handle) else { throw lastError }
      defer { free(path) }
      return String(cString: path)
    }
  }

  /// Sets a backend setting such as `force_tcg`; see guestfs(3), "BACKEND SETTINGS".
  public func setBackendSetting(_ name: String, _ value: String) throws(GuestfsError) {
    try check(guestfs_set_backend_setting(handle, name, value))
  }

  /// Whether a backend setting exists, from `setBackendSetting` or from the environment.
  public func hasBackendSetting(_ name: String) -> Bool {
    let value = guestfs_get_backend_setting(handle, name)
    defer { free(value) }
    return value != nil
  }

  /// Options added to the command line of the appliance's kernel. The default comes from the environment.
  public var kernelOptions: String {
    guestfs_get_append(handle).map { String(cString: $0) } ?? ""
  }

  /// Sets the options added to the command line of the appliance's kernel.
  public func setKernelOptions(_ options: String) throws(GuestfsError) {
    try check(guestfs_set_append(handle, options))
  }

  /// Adds an export of an NBD server on a Unix domain socket as the next disk.
  ///
  /// - Parameters:
  ///   - label: at most 20 ASCII letters; the appliance finds the disk as `/dev/disk/guestfs/LABEL`.
  ///   - blockSize: the sector size of the disk in bytes, 512 or 4096.
  public func addNBDDrive(
    socket: String, export: String, label: String, readOnly: Bool, blockSize: Int32 = 512
  ) throws(GuestfsError) {
    let result = withCStrings(["raw", "nbd", label, "unix:" + socket]) { strings -> Int32 in
      var options = guestfs_add_drive_opts_argv()
      options.bitmask =
        1 << UInt64(GUESTFS_ADD_DRIVE_OPTS_READONLY) | 1 << UInt64(GUESTFS_ADD_DRIVE_OPTS_FORMAT)
        | 1 << UInt64(GUESTFS_ADD_DRIVE_OPTS_LABEL) | 1 << UInt64(GUESTFS_ADD_DRIVE_OPTS_PROTOCOL)
        | 1 << UInt64(GUESTFS_ADD_DRIVE_OPTS_SERVER)
      options.readonly = readOnly ? 1 : 0
      options.format = strings[0].map { UnsafePointer($0) }
      options.protocol = strings[1].map { UnsafePointer($0) }
      options.label = strings[2].map { UnsafePointer($0) }
      // 512 is libguestfs's default.
      if blockSize != 512 {
        options.bitmask |= 1 << UInt64(GUESTFS_ADD_DRIVE_OPTS_BLOCKSIZE)
        options.blocksize = blockSize
      }
      return [strings[3], nil].withUnsafeBufferPointer { servers in
        options.server = servers.baseAddress
        return guestfs_add_drive_opts_argv(handle, export, &options)
      }
    }
    try check(result)
  }

  /// Starts the appliance. This takes seconds.
  public func launch() throws(GuestfsError) { try check(guestfs_launch(handle)) }

  /// Whether the appliance is up. False also after it has exited on its own.
  public var isReady: Bool { guestfs_is_ready(handle) == 1 }

  /// Stops the appliance. Throws if it did not exit cleanly.
  public func shutdown() throws(GuestfsError) { try check(guestfs_shutdown(handle)) }

  /// Runs a shell command in the appliance, outside of any guest filesystem, and returns its output.
  public func shell(_ command: String) throws(GuestfsError) -> [UInt8] {
    let output = withCStrings([command]) { strings in
      (strings + [nil]).withUnsafeBufferPointer { guestfs_debug(handle, "sh", $0.baseAddress) }
    }
    return try string(output)
  }

  /// The maximum output of `longShell` in bytes.
  public static let maximumOutput = 1 << 30

  /// Runs a command that can print more than fits into one reply of the appliance.
  /// - Parameters:
  ///   - command: in ASCII, of any length.
  ///   - limit: in seconds; a command that takes longer is killed and counts as failed.
  /// - Throws: `GuestfsError`, also if the command prints more than `maximumOutput`.
  public func longShell(_ command: String, limit: Int = 3600) throws(GuestfsError) -> [UInt8] {
    let file = "/tmp/virt-bmap-output"
    let maximum = 1 << 20
    // The first part comes with the reply. It is usually everything.
    let script = "timeout \(limit) \(try shellCommand(command)) > \(file)"
    var output = Array(try shell("\(script) && \(Self.piece(of: file, at: 0, count: maximum))").dropLast())
    var isAll = output.count < maximum
    while !isAll {
      guard output.count < Self.maximumOutput else {
        throw GuestfsError("a command in the appliance printed more than \(Self.maximumOutput) bytes")
      }
      let part = try read(applianceFile: file, at: output.count, count: maximum)
      output += part
      isAll = part.count < maximum
    }
    return output
  }

  /// Returns the command line that runs a command in its own shell.
  private func shellCommand(_ command: String) throws(GuestfsError) -> String {
    // A program's argument can have 128 KiB at most.
    guard command.utf8.count > 60_000 else { return "sh -c \(Self.quoted(command))" }
    let file = "/tmp/virt-bmap-script"
    _ = try shell(": > \(file)")
    let bytes = Array(command.utf8)
    for start in stride(from: 0, to: bytes.count, by: 20_000) {
      let part = String(decoding: bytes[start..<min(bytes.count, start + 20_000)], as: UTF8.self)
      _ = try shell("printf %s \(Self.quoted(part)) >> \(file)")
    }
    return "sh \(file)"
  }

  /// Quotes a word for the shell.
  private static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: #"'\''"#))'" }

  /// Reads a part of a file in the appliance. The file must not contain NUL.
  ///
  /// - Parameters:
  ///   - name: as the shell takes it.
  ///   - offset: in bytes.
  ///   - count: in bytes, 3 MiB at most; fewer are returned at the end of the file.
  public func read(applianceFile name: String, at offset: Int, count: Int) throws(GuestfsError) -> [UInt8] {
    Array(try shell(Self.piece(of: name, at: offset, count: count)).dropLast())
  }

  /// The appliance strips newlines from the end of a command's output, so the output ends in another character.
  private static func piece(of name: String, at offset: Int, count: Int) -> String {
    "{ dd if=\(name) bs=64K iflag=skip_bytes,count_bytes skip=\(offset) count=\(count) 2>/dev/null; printf .; }"
  }

  /// Copies a local file to `name` in the appliance's own filesystem.
  public func uploadToAppliance(_ local: String, name: String, mode: Int32) throws(GuestfsError) {
    try check(guestfs_debug_upload(handle, local, name, mode))
  }

  func check(_ result: Int32) throws(GuestfsError) {
    guard result != -1 else { throw GuestfsError(handle) }
  }

  /// Takes ownership of a string that libguestfs allocated.
  func string(_ text: UnsafeMutablePointer<CChar>?) throws(GuestfsError) -> [UInt8] {
    guard let text else { throw GuestfsError(handle) }
    defer { free(text) }
    return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }

  /// Takes ownership of a list of strings that libguestfs allocated.
  func strings(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) throws(GuestfsError) -> [[UInt8]] {
    guard let list else { throw GuestfsError(handle) }
    defer { free(list) }
    var result: [[UInt8]] = []
    var next = list
    while let text = next.pointee {
      result.append(try string(text))
      next += 1
    }
    return result
  }

  func with<R>(_ name: [UInt8], _ body: (OpaquePointer, UnsafePointer<CChar>) -> R) -> R {
    let text = UnsafeMutablePointer<CChar>.allocate(capacity: name.count + 1)
    defer { text.deallocate() }
    for (index, byte) in name.enumerated() { text[index] = CChar(bitPattern: byte) }
    text[name.count] = 0
    return body(handle, text)
  }

  func call<R>(_ body: (OpaquePointer) -> R) -> R { body(handle) }
  var lastError: GuestfsError { GuestfsError(handle) }

  private func withCStrings<R>(_ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> R) -> R {
    let copies = texts.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies)
  }
}
