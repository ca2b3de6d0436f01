public import DiskImage

/// Opens disks of any format for reading in this process, and calls `body` with them on a thread of its own. The disks
/// are closed afterwards.
///
/// `isCancelled` works as for `mapDisk`.
/// - Throws: `DiskError`, `MapperError`, and whatever `body` throws.
public func withOpenDisks<T: Sendable>(
  _ sources: [DiskSource], options: OpenOptions, keys: [DeviceKey], reporter: any Reporter,
  isCancelled: @escaping @Sendable () -> Bool, body: @escaping @Sendable ([any VirtualDisk]) throws -> T
) async throws -> T {
  do {
    let examined = try await onOwnThread {
      try sources.map {
        try ExaminedDisk($0, options: options, keys: keys, reporter: reporter, isCancelled: isCancelled)
      }
    }
    let directory = try TemporaryDirectory()
    defer { directory.remove() }
    return try await CaptiveServer.run(
      for: examined, in: directory, reporter: reporter, isCancelled: isCancelled
    ) { disks in
      try await onOwnThread {
        var opened: [any VirtualDisk] = []
        defer { for disk in opened { disk.close() } }
        for disk in disks { opened.append(try disk.open(options, isCancelled: isCancelled)) }
        return try body(opened)
      }
    }
  } catch {
    // If the user has stopped the run, that is the cause of any failure.
    if isCancelled() { throw MapperError.interrupted }
    throw error
  }
}
