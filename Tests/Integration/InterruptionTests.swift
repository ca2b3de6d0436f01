import Glibc
import SystemPackage
import Testing

/// Ctrl-C, SIGTERM and dying helpers at any moment: one line, a nonzero status, no partial output, nothing left behind.
@Suite struct InterruptionTests {
  enum Moment: String, CaseIterable, Sendable {
    /// The recorder has just been started.
    case start
    /// The appliance is booting.
    case launch
    /// Files are being read.
    case walk
  }

  private func wait(for moment: Moment, _ running: Running, _ processes: Processes) async throws {
    switch moment {
    case .start: _ = try await processes.waitFor("nbdkit")
    case .launch:
      _ = try await processes.waitFor("qemu")
      try await Task.sleep(for: .seconds(2))
    case .walk: try await running.waitForOutput("examining filesystem on /dev/sda2")
    }
  }

  private func expectInterrupted(_ run: MapperRun, _ outcome: Outcome, by signal: Int32) async throws {
    #expect(outcome.end == .signalled(signal))
    #expect(outcome.errors.text == "virt-bmap: interrupted\n")
    #expect(try names(in: run.scratch.path) == ["map", "t"])
    #expect(try [UInt8](contentsOf: run.scratch("map")).text == "an older map\n")
    try await run.expectNothingLeft()
  }

  /// A terminal's Ctrl-C goes to virt-bmap and everything it has started.
  @Test(arguments: Moment.allCases)
  func controlC(moment: Moment) async throws {
    let disk = try await Guests.layers.value.appending("layers.raw")
    let run = try MapperRun()
    try run.scratch.write("an older map\n", to: "map")
    let outcome = try await run(["--machine-readable", "-o", "map", disk]) { running in
      try await wait(for: moment, running, run.processes)
      running.sendToGroup(SIGINT)
    }
    try await expectInterrupted(run, outcome, by: SIGINT)
  }

  @Test(arguments: zip(Moment.allCases, [SIGHUP, SIGTERM, SIGTERM]))
  func signal(moment: Moment, signal: Int32) async throws {
    let disk = try await Guests.layers.value.appending("layers.raw")
    let run = try MapperRun()
    try run.scratch.write("an older map\n", to: "map")
    let outcome = try await run(["--machine-readable", "-o", "map", disk]) { running in
      try await wait(for: moment, running, run.processes)
      running.send(signal)
    }
    try await expectInterrupted(run, outcome, by: signal)
  }

  /// While the map is written, which takes milliseconds: afterwards there is either the complete map or the older
  /// one.
  @Test func whileTheMapIsWritten() async throws {
    let expected = try await Maps.demo.value
    let run = try MapperRun()
    try run.scratch.write("an older map\n", to: "map")
    let outcome = try await run(["-o", "map", expected.disk]) { running in
      // The map is written after the appliance has shut down.
      let appliance = try await run.processes.waitFor("qemu")
      try await integrationWait(appliance)
      running.send(SIGTERM)
    }
    let map = try [UInt8](contentsOf: run.scratch("map"))
    let isOld = map.text == "an older map\n"
    let isComplete = try map == [UInt8](contentsOf: expected.file)
    #expect(isOld || isComplete)
    #expect(outcome.end == .signalled(SIGTERM) || (outcome.end == .exited(0) && !isOld))
    #expect(try names(in: run.scratch.path) == ["map", "t"])
    try await run.expectNothingLeft()
  }

  @Test(arguments: ["qemu", "nbdkit"])
  func helperDiesHalfWay(name: String) async throws {
    let disk = try await Guests.layers.value.appending("layers.raw")
    let run = try MapperRun()
    try run.scratch.write("an older map\n", to: "map")
    let outcome = try await run(["--machine-readable", "-o", "map", disk]) { running in
      try await wait(for: .walk, running, run.processes)
      kill(try await run.processes.waitFor(name), SIGKILL)
    }
    #expect(outcome.end == .exited(1))
    #expect(outcome.errorLines.count == 1, "\(outcome.errors.text)")
    #expect(outcome.errors.text.hasPrefix("virt-bmap: "))
    #expect(outcome.errors.text.contains(name == "qemu" ? "appliance" : "recorder"), "\(outcome.errors.text)")
    #expect(try names(in: run.scratch.path) == ["map", "t"])
    #expect(try [UInt8](contentsOf: run.scratch("map")).text == "an older map\n")
    try await run.expectNothingLeft()
  }

  /// With SIGKILL, virt-bmap cannot clean up, but the processes that it has started end.
  @Test func killedLeavesNoProcess() async throws {
    let disk = try await Guests.layers.value.appending("layers.raw")
    let run = try MapperRun()
    let outcome = try await run(["-o", "map", disk]) { running in
      try await wait(for: .launch, running, run.processes)
      running.send(SIGKILL)
    }
    #expect(outcome.end == .signalled(SIGKILL))
    try await Integration.wait(for: "the processes to end", within: .seconds(15)) { run.processes.alive().isEmpty }
    #expect(!exists(run.scratch("map")))
  }

  private func integrationWait(_ process: pid_t) async throws {
    try await Integration.wait(for: "process \(process) to end", within: .seconds(150)) { kill(process, 0) != 0 }
  }
}
