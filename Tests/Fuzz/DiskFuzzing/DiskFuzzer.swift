import DiskImage
public import SystemPackage

/// Makes disks from a fuzzer's input, opens them and reads them. Their files are removed when the object is released.
public final class DiskFuzzer {
  private let files: HostileFiles
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Examination.most, alignment: 16)

  /// - Parameter directory: the directory for the files, preferably in memory.
  /// - Throws: an error if the directory cannot be written to.
  public init(in directory: FilePath = "/dev/shm") throws { files = try HostileFiles(in: directory) }

  deinit { buffer.deallocate() }

  /// Opens one disk and examines it. A trap ends the process.
  /// - Returns: a description of a wrong answer; nil if all is well, which includes errors.
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
