import DiskImage
public import SystemPackage

/// Makes disks of a fuzzer's bytes, opens them and reads them. Their files are removed with it.
public final class DiskFuzzer {
  private let files: HostileFiles
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Examination.most, alignment: 16)

  /// - Parameter directory: where the files are; best in memory.
  /// - Throws: where it cannot be written to.
  public init(in directory: FilePath = "/dev/shm") throws { files = try HostileFiles(in: directory) }

  deinit { buffer.deallocate() }

  /// Opens one disk and asks it for all it can tell. A trap is found by the process's end.
  /// - Returns: what the disk said or gave that cannot be right; nil where all was as it should be, errors included.
  public func run(_ bytes: UnsafeRawBufferPointer) -> String? {
    guard let input = FuzzInput(bytes) else { return nil }
    do {
      try files.write(input.files, length: input.length)
    } catch {
      return "cannot write the files: \(error)"
    }
    let opened: OpenedDisk
    do {
      opened = try openDisk(at: files.paths[0], format: .vmdk, options: input.options)
    } catch {
      return error.message.isEmpty || error.errno <= 0 ? "an error that says nothing" : nil
    }
    defer { opened.disk.close() }
    var examination = Examination(opened.disk, files: files, seed: input.seed, buffer: buffer)
    do {
      try examination.run(opened.files)
      return nil
    } catch {
      return (error as? Violation)?.description ?? "\(error)"
    }
  }
}
