import CGuestfs
import Glibc

/// A libguestfs handle: one appliance and the disks it sees. See guestfs(3).
///
/// Not for several threads at a time. Device names and mountables are bytes, since the name of a Btrfs subvolume may
/// be anything.
public final class Guestfs {
  private let handle: OpaquePointer
  /// What the appliance has said.
  public let log = ApplianceLog()

  public init() throws(GuestfsError) {
    // The library would close the handle at exit, from whatever thread calls exit.
    guard
      let handle = bmap_guestfs_create(
        UInt32(GUESTFS_CREATE_NO_CLOSE_ON_EXIT) | UInt32(GUESTFS_CREATE_NO_ENVIRONMENT))
    else {
      throw GuestfsError("libguestfs cannot be initialized")
    }
    self.handle = handle
    // Errors are thrown; without this they would be printed as well.
    guestfs_set_error_handler(handle, nil, nil)
    log.keepMessages(of: handle)
    // Here, where a wrong value is an error like any other.
    try check(guestfs_parse_environment(handle))
    setVerbose(guestfs_get_verbose(handle) == 1)
    setTrace(guestfs_get_trace(handle) == 1)
  }

  deinit { guestfs_close(handle) }

  /// `-v`: libguestfs and the appliance say on stderr what they do.
  public func setVerbose(_ verbose: Bool) {
    guard verbose else { return }
    guestfs_set_verbose(handle, 1)
    Self.showMessages(of: handle, UInt64(GUESTFS_EVENT_APPLIANCE) | UInt64(GUESTFS_EVENT_LIBRARY))
  }

  /// `-x`: the calls of this handle are shown on stderr.
  public func setTrace(_ trace: Bool) {
    guard trace else { return }
    guestfs_set_trace(handle, 1)
    Self.showMessages(of: handle, UInt64(GUESTFS_EVENT_TRACE))
  }

  /// The name of the program in libguestfs's messages.
  public func setProgram(_ name: String) throws(GuestfsError) { try check(guestfs_set_program(handle, name)) }

  /// How the appliance is run: `direct` or `libvirt`; by default what the environment says.
  public func setBackend(_ backend: String) throws(GuestfsError) { try check(guestfs_set_backend(handle, backend)) }

  /// Where the appliance is kept from run to run.
  public func setCacheDirectory(_ path: String) throws(GuestfsError) { try check(guestfs_set_cachedir(handle, path)) }

  /// A backend setting such as `force_tcg`; see guestfs(3), "BACKEND SETTINGS".
  public func setBackendSetting(_ name: String, _ value: String) throws(GuestfsError) {
    try check(guestfs_set_backend_setting(handle, name, value))
  }

  /// Whether a backend setting is there, from `setBackendSetting` or from the environment.
  public func hasBackendSetting(_ name: String) -> Bool {
    let value = guestfs_get_backend_setting(handle, name)
    defer { free(value) }
    return value != nil
  }

  /// What is added to the command line of the appliance's kernel, by default what the environment says.
  public var kernelOptions: String {
    guestfs_get_append(handle).map { String(cString: $0) } ?? ""
  }

  /// Sets what is added to the command line of the appliance's kernel.
  public func setKernelOptions(_ options: String) throws(GuestfsError) {
    try check(guestfs_set_append(handle, options))
  }

  /// Adds an export of an NBD server on a Unix domain socket as the next disk.
  ///
  /// - Parameters:
  ///   - label: ASCII letters, at most 20; the appliance finds the disk as `/dev/disk/guestfs/LABEL`.
  ///   - blockSize: bytes of a sector of the disk, 512 or 4096.
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
      // It is what libguestfs takes anyway.
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

  /// Starts the appliance; takes seconds.
  public func launch() throws(GuestfsError) { try check(guestfs_launch(handle)) }

  /// Whether the appliance is up; false also after it has ended by itself.
  public var isReady: Bool { guestfs_is_ready(handle) == 1 }

  /// Stops the appliance and says whether it ended well.
  public func shutdown() throws(GuestfsError) { try check(guestfs_shutdown(handle)) }

  /// Runs a shell command in the appliance, outside of any guest filesystem, and gives what it printed.
  public func shell(_ command: String) throws(GuestfsError) -> [UInt8] {
    let output = withCStrings([command]) { strings in
      (strings + [nil]).withUnsafeBufferPointer { guestfs_debug(handle, "sh", $0.baseAddress) }
    }
    return try string(output)
  }

  /// What `longShell` returns at most, in bytes.
  public static let mostOutput = 1 << 30

  /// The same for a command that may print more than fits into one answer of the appliance's.
  /// - Parameters:
  ///   - command: in ASCII, of any length.
  ///   - limit: in seconds; a command that takes longer is ended, and has failed then.
  /// - Throws: `GuestfsError`, also where the command prints more than `mostOutput`.
  public func longShell(_ command: String, limit: Int = 3600) throws(GuestfsError) -> [UInt8] {
    let file = "/tmp/virt-bmap-output"
    let most = 1 << 20
    // The first part comes with the answer: mostly it is all.
    let script = "timeout \(limit) \(try shellCommand(command)) > \(file)"
    var output = Array(try shell("\(script) && \(Self.piece(of: file, at: 0, count: most))").dropLast())
    var isAll = output.count < most
    while !isAll {
      guard output.count < Self.mostOutput else {
        throw GuestfsError("a command in the appliance printed more than \(Self.mostOutput) bytes")
      }
      let part = try read(applianceFile: file, at: output.count, count: most)
      output += part
      isAll = part.count < most
    }
    return output
  }

  /// What runs a command in a shell of its own.
  private func shellCommand(_ command: String) throws(GuestfsError) -> String {
    // An argument of a program has 128 KiB at most.
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

  /// A word for the shell.
  private static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: #"'\''"#))'" }

  /// A piece of a file in the appliance, which holds no NUL.
  ///
  /// - Parameters:
  ///   - name: as the shell takes it.
  ///   - offset: in bytes.
  ///   - count: in bytes, 3 MiB at most; less comes at the file's end.
  public func read(applianceFile name: String, at offset: Int, count: Int) throws(GuestfsError) -> [UInt8] {
    Array(try shell(Self.piece(of: name, at: offset, count: count)).dropLast())
  }

  /// The appliance takes newlines away from the end of what a command prints: this ends in something else.
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

  /// Takes over a string that libguestfs allocated.
  func string(_ text: UnsafeMutablePointer<CChar>?) throws(GuestfsError) -> [UInt8] {
    guard let text else { throw GuestfsError(handle) }
    defer { free(text) }
    return Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }

  /// Takes over a list of strings that libguestfs allocated.
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

  /// Calls `body` with the handle and a name as a C string.
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
