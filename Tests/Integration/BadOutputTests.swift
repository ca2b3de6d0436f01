import Glibc
import SystemPackage
import Testing

/// Outputs that cannot be written: one error line and status 1, before the appliance is started if that can be known.
@Suite struct BadOutputTests {
  @Test(arguments: [
    ("no/such/directory/map", "No such file or directory"), ("directory", "is a directory"),
    ("disk/map", "Not a directory"), ("/proc/map", "/proc/map: "),
  ])
  func cannotBeMade(output: String, words: String) async throws {
    let run = try MapperRun()
    let disk = try SmallDisks(scratch: run.scratch).blank()
    try run.scratch.makeDirectory("directory")
    try run.scratch.write("", to: "disk")
    // With -x, any call of libguestfs would show in the output.
    let outcome = try await run(["-x", "-o", output, disk], launchesAppliance: false, limit: .seconds(300))
    expectOneLine(outcome, output, words)
    #expect(try names(in: run.scratch.path) == ["blank.raw", "directory", "disk", "t"])
    #expect(try names(in: run.scratch("directory")) == [])
    try await run.expectNothingLeft()
  }

  @Test(arguments: ["a file", "its directory"])
  func mayNotBeWritten(protected: String) async throws {
    let run = try MapperRun()
    _ = try SmallDisks(scratch: run.scratch).blank()
    for path in [run.scratch.path, run.scratch("t")] { chmod(path.string, 0o777) }
    let directory = try run.scratch.makeDirectory("directory")
    try "an older map\n".bytes.write(to: directory.appending("map"))
    chmod(directory.appending("map").string, protected == "a file" ? 0o444 : 0o666)
    chmod(directory.string, protected == "a file" ? 0o777 : 0o555)
    let outcome = try await asOrdinaryUser(run, ["-o", "directory/map", "blank.raw"])
    expectOneLine(outcome, "directory/map: ", "Permission denied")
    #expect(try [UInt8](contentsOf: directory.appending("map")).text == "an older map\n")
    #expect(try names(in: directory) == ["map"])
    try await run.expectNothingLeft()
  }

  /// The disk is full when the map is written: the older map stays.
  @Test func fullDisk() async throws {
    let run = try MapperRun()
    let guest = try await Guests.demo.value.appending("guest.raw")
    try run.scratch.makeDirectory("full")
    // In a mount namespace of its own, so that the mount is gone afterwards whatever happens.
    let script = """
      mount -t tmpfs -o size=16k none full && echo 'an older map' >full/map || exit 99
      "$1" -o full/map "$2"
      status=$?
      ls -A full
      cat full/map
      exit $status
      """
    let unshare = geteuid() == 0 ? ["unshare", "-m"] : ["unshare", "-r", "-m"]
    let outcome = try await run.execute(unshare + ["sh", "-c", script, "sh", try Products.mapper, guest])
    #expect(outcome.end == .exited(1))
    #expect(outcome.output.text == "map\nan older map\n")
    #expect(outcome.errorLines.count == 1, "\(outcome.errors.text)")
    #expect(outcome.errors.text.hasPrefix("virt-bmap: full/map: "))
    #expect(outcome.errors.text.contains("No space left on device"))
    try await run.expectNothingLeft()
  }
}
