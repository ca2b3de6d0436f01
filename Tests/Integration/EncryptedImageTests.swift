import SystemPackage
import Testing

/// Images encrypted by their own format, for which qemu-nbd gets the keys; and raw disks that look like images.
@Suite struct EncryptedImageTests {
  private let run: MapperRun
  private var scratch: Scratch { run.scratch }

  init() throws { run = try MapperRun() }

  /// Makes an encrypted image of a filesystem with one file.
  private func makeImage(_ name: String, _ format: String, _ encryption: String, key: String) async throws {
    if !exists(scratch("tree")) {
      try scratch.makeDirectory("tree")
      try scratch.write([UInt8](repeating: 0x5a, count: 70_000), to: "tree/secret")
    }
    try scratch.makeHole("\(name).raw", size: 8 << 20)
    try await tool("mkfs.ext4", ["-q", "-d", scratch("tree"), scratch("\(name).raw")])
    let options = encryption == "luks" ? ",encrypt.iter-time=10" : ""
    let arguments: [any Word] = [
      "convert", "--object", "secret,id=s,data=\(key)", "-f", "raw", "-O", format, "-o",
      "encrypt.format=\(encryption),encrypt.key-secret=s\(options)", scratch("\(name).raw"), scratch(name),
    ]
    // To choose a number of iterations for LUKS, qemu-img measures the processor, and fails now and then on a busy one.
    for attempt in 1... {
      do {
        try await tool("qemu-img", arguments)
        return
      } catch let failure as TestFailure
        where attempt < 5 && failure.description.contains("Unable to get accurate CPU usage")
      {
        continue
      }
    }
  }

  /// Maps all of them in one run. No key is on qemu-nbd's command line.
  @Test func areMapped() async throws {
    try await makeImage("one.qcow2", "qcow2", "luks", key: "geheim")
    try await makeImage("two.qcow2", "qcow2", "aes", key: "geheimer")
    try await makeImage("three.qcow", "qcow", "aes", key: "third")
    try await tool(
      "qemu-img", ["convert", "-f", "raw", "-O", "qcow2", scratch("one.qcow2.raw"), scratch("cloud.img")])
    try scratch.write("geheim\n", to: "one.key")
    try scratch.makeDirectory("bin")
    try scratch.write(
      "#!/bin/sh\nprintf '%s\\n' \"$@\" >> '\(scratch("told"))'\nexec /usr/bin/qemu-nbd \"$@\"\n", to: "bin/qemu-nbd")
    try await tool("chmod", ["+x", scratch("bin/qemu-nbd")])
    let outcome = try await run(
      [
        "--key", "all:key:none of them", "--key", "one.qcow2:file:one.key", "--key",
        "\(scratch("two.qcow2")):key:geheimer",
        "--key", "three.qcow:key:third", "-o", "map", "one.qcow2", "two.qcow2", "three.qcow", "cloud.img",
      ], environment: ["PATH": "\(scratch("bin")):/usr/sbin:/usr/bin:/sbin:/bin"])
    let said = outcome.errors.text
    // With AES, a wrong key cannot be detected.
    #expect(outcome.end == .exited(0) || outcome.end == .exited(3), "\(said)")
    let map = try MapText(contentsOf: scratch("map"))
    for device in ["/dev/sda", "/dev/sdb", "/dev/sdc"] {
      #expect(map.lines("f", device, Array("/secret".utf8)).count >= 1, "\(device): \(said)")
    }
    #expect(
      said.contains(
        "cloud.img: begins like a qcow2 image, but is read as a raw disk, as its name says (a guest may have written "
          + "that itself): if it is one, give --format qcow2"), "\(said)")
    #expect(map.lines("f", "/dev/sdd", Array("/secret".utf8)).isEmpty)
    let told = try [UInt8](contentsOf: scratch("told")).text
    #expect(told.contains("secret,id=key,file="))
    for key in ["geheim", "third", "none of them"] { #expect(!told.contains(key)) }
    try await run.expectNothingLeft()
  }

  @Test func withoutTheirKeys() async throws {
    try await makeImage("one.qcow2", "qcow2", "luks", key: "geheim")
    try await makeImage("three.qcow", "qcow", "aes", key: "third")
    for (arguments, words) in [
      (
        ["one.qcow2"],
        "one.qcow2: it is encrypted (LUKS): give its key, --key one.qcow2:file:FILE or --key all:file:FILE"
      ),
      (["--key", "/dev/sda:key:geheim", "one.qcow2"], "one.qcow2: it is encrypted (LUKS): give its key"),
      (["three.qcow"], "three.qcow: it is encrypted (AES): give its key"),
      (
        ["--key", "all:key:wrong", "--key", "one.qcow2:key:wronger", "one.qcow2"],
        "one.qcow2: none of the keys opens this encrypted image: qemu-nbd: Invalid password"
      ),
    ] {
      let outcome = try await run(arguments, launchesAppliance: false, limit: .seconds(300))
      expectOneLine(outcome, words)
      try await run.expectNothingLeft()
    }
  }

  /// Nothing is written to an image, so its log is not replayed. The error message says how to do that.
  @Test func aLogToReplay() async throws {
    try scratch.makeHole("raw", size: 8 << 20)
    try await tool("qemu-img", ["convert", "-f", "raw", "-O", "vhdx", scratch("raw"), scratch("disk.vhdx")])
    try VHDXLog.add(to: scratch("disk.vhdx"))
    let outcome = try await run(["disk.vhdx"], launchesAppliance: false, limit: .seconds(300))
    expectOneLine(
      outcome,
      "disk.vhdx: it has a log that was not replayed, and nothing is written to it here: run qemu-img check -r all")
    try await run.expectNothingLeft()
    // The advice works.
    try await tool("qemu-img", ["check", "-q", "-r", "all", scratch("disk.vhdx")])
    let check = try await Integration.run("qemu-img", ["check", scratch("disk.vhdx")])
    #expect(check.end == .exited(0), "\(check.errors.text)")
  }

  /// The other commands give advice of their own, and read the disk as its name says.
  @Test func imagesWithNamesOfRawDisks() async throws {
    try scratch.makeHole("raw", size: 1 << 20)
    for (format, name, advice, loggers) in [
      (
        "qcow2", "cloud.img", "qemu-img info says more",
        "serve it by qemu-nbd --format qcow2 and log it with the filter"
      ),
      ("vmdk", "disk-0.vmdk.000000000", "give --format vmdk", "give format=vmdk"),
      ("vpc", "dyn.img", "qemu-img info says more", "serve it by qemu-nbd --format vpc and log it with the filter"),
    ] {
      try await tool("qemu-img", ["convert", "-f", "raw", "-O", format, scratch("raw"), scratch(name)])
      let sentence = "\(name): begins like a \(format) image, but is read as a raw disk, as its name says"
      let info = try await run(["info", name], launchesAppliance: false, limit: .seconds(300))
      #expect(info.end == .exited(0) && info.output.text.contains("format: raw\n"))
      #expect(
        info.output.text.contains(
          "warning: \(sentence) (a guest may have written that itself): if it is one, \(advice)\n"),
        "\(info.output.text)")
      let served = try await Integration.run(
        "nbdkit",
        [
          "-U", "-", try Products.logger, scratch(name), "bmap=none", "logfile=/dev/null", "--run",
          "nbdinfo --size $uri",
        ])
      #expect(served.outputLines == ["\(try fileSize(scratch(name)))"])
      #expect(served.errors.text.contains("\(sentence): if it is one, \(loggers)\n"), "\(served.errors.text)")
    }
  }
}
