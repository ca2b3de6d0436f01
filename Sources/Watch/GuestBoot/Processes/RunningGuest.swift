import Appliance
import Glibc
import SystemPackage

/// A running qemu.
struct RunningGuest {
  var console: OutputPipe
  var monitor: Monitor
  private var process: ChildProcess
  private let name: String
  private let messages: FilePath

  /// - Parameters:
  ///   - disks: how many disks there are.
  ///   - socket: where they are served.
  ///   - input: its standard input.
  init(
    _ machine: VirtualMachine, disks: Int, at socket: FilePath, in directory: FilePath, input: FileDescriptor
  ) throws {
    name = FilePath(bytes: machine.program).lastComponent?.string ?? "qemu"
    messages = directory.appending("qemu.log")
    let errors = try FileDescriptor.open(
      messages, .writeOnly, options: [.create, .append, .closeOnExec], permissions: .ownerReadWrite)
    defer { try? errors.close() }
    let (console, output) = try OutputPipe.make()
    self.console = console
    defer { try? output.close() }
    let (monitor, end) = try Monitor.make()
    self.monitor = monitor
    defer { try? end.close() }
    do {
      process = try ChildProcess(
        machine.program, machine.arguments(disks: disks, at: socket), descriptors: [input, output, errors, end],
        deathSignal: SIGKILL)
    } catch {
      self.console.close()
      self.monitor.close()
      throw GuestBootError.missing(
        "\(String(decoding: machine.program, as: UTF8.self)): cannot run this program: \(error)")
    }
  }

  var hasEnded: Bool { mutating get { process.hasEnded() } }

  mutating func kill() { process.kill() }

  /// Why qemu has failed, or nil if it has not.
  /// - Parameter isExpected: whether it was killed.
  func failure(isExpected: Bool) -> GuestBootError? {
    guard !isExpected, process.end != .exited(0) else { return nil }
    if let line = firstLines(of: messages).last { return .ended(name, line.withoutPrefix("\(name): ")) }
    return switch process.end {
    case .killed(let signal): .ended(name, "it was killed by signal \(signal)")
    case .exited(let status): .ended(name, "it ended with status \(status)")
    case nil: nil
    }
  }

  mutating func close() {
    process.kill()
    console.close()
    monitor.close()
  }
}

extension String {
  fileprivate func withoutPrefix(_ prefix: String) -> String {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self
  }
}
