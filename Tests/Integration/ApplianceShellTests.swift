import Dispatch
import Glibc
import Guestfs
import SystemPackage
import Testing

@testable import Appliance

/// `longShell` runs commands in the appliance, however long the command, its output and its run time are.
@Suite struct ApplianceShellTests {
  /// Launches an appliance and runs `body` with it, on a thread that may block.
  private func withAppliance(_ body: @escaping @Sendable (Guestfs) throws -> Void) async throws {
    let scratch = try Scratch()
    let (socket, ready) = (scratch("s"), scratch("pid"))
    try await Slots.virtualMachines.run {
      // libguestfs needs at least one disk.
      let server = try await Integration.run(
        "nbdkit", ["-f", "-U", socket, "-P", ready, "memory", "1M"], limit: .seconds(1800)
      ) { running in
        defer { running.send(SIGTERM) }
        try await wait(for: "nbdkit to listen", within: .seconds(60)) { exists(ready) }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
          DispatchQueue.global().async {
            continuation.resume(
              with: Result {
                let appliance = try Guestfs()
                try appliance.setBackend("direct")
                try appliance.setBackendSetting(MapperRun.emulated, "1")
                try appliance.setCacheDirectory("/var/tmp")
                try appliance.setKernelOptions("clearcpuid=erms,fsrm")
                try appliance.addNBDDrive(socket: socket.string, export: "", label: "disk", readOnly: false)
                try appliance.launch()
                try body(appliance)
              })
          }
        }
      }
      #expect(server.end == .exited(0))
    }
  }

  /// udev does not always reply on a busy machine.
  @Test(arguments: [0, 1, 2, 3])
  func udevadmIsTriedAgain(failures: Int) async throws {
    let udevadm = "udevadm() { n=$((n + 1)); echo $1; [ $n -gt \(failures) ]; }"
    let outcome = try await run("sh", ["-c", "\(udevadm); n=0; \(Guest.settled) || exit 9"])
    #expect(outcome.end == .exited(failures < 3 ? 0 : 9))
    #expect(outcome.outputLines == Array(repeating: "settle", count: min(failures + 1, 3)))
  }

  @Test func longShell() async throws {
    try await withAppliance { appliance in
      #expect(try appliance.longShell("printf 'one line\\n\\n'").text == "one line\n\n")
      #expect(try appliance.longShell("true") == [])
      // More than one response of the appliance can hold, including sizes that fill the parts exactly.
      for size in [1 << 20, 2 << 20, 5_000_001] {
        let output = try appliance.longShell("yes 12345678 | head -c \(size)")
        #expect(output.count == size && output.prefix(18).elementsEqual("12345678\n12345678\n".utf8))
        #expect(output.last == Array("12345678\n".utf8)[(size - 1) % 9])
      }
      // Longer than an argument of a program may be, with characters that are special to the shell.
      let quoted = #"x=$((x + 1)); : 'it'\''s "quoted" \n %s'"# + "\n"
      let count = 5000
      let script = "x=0\n" + String(repeating: quoted, count: count) + "echo $x"
      #expect(script.utf8.count > 150_000)
      #expect(try appliance.longShell(script).text == "\(count)\n")

      #expect(throws: GuestfsError.self) { try appliance.longShell("echo before; exit 3") }
      let before = ContinuousClock.now
      #expect(throws: GuestfsError.self) { try appliance.longShell("sleep 1000", limit: 2) }
      #expect(before.duration(to: .now) < .seconds(300))
      // The appliance still works.
      #expect(try appliance.longShell("echo still").text == "still\n")
    }
  }
}
