import Glibc
import SystemPackage
import Testing

/// `virt-bmap changed` reads what `qemu-img map` prints while qemu-img runs, whatever that is.
@Suite struct QemuSnapshotTests {
  @Test(arguments: [
    ("printf '[{ \"start\": 0, \"length\": 65536, \"depth\": 0'", "cannot be read: line 1: not JSON: it is cut short"),
    ("echo '[\"a\"]'", "cannot be read: line 1: not a list of JSON objects"),
    ("echo 'child.qcow2: corrupt' >&2; exit 1", "child.qcow2: corrupt"),
    // The output has no end, but it is wrong from the start.
    ("exec yes 5", "qemu-img map"),
  ])
  func wrongAnswers(command: String, words: String) async throws {
    let scratch = try Scratch()
    try await tool("qemu-img", ["create", "-q", "-f", "raw", scratch("parent.raw"), "1M"])
    try await tool(
      "qemu-img", ["create", "-q", "-f", "qcow2", "-b", scratch("parent.raw"), "-F", "raw", scratch("child.qcow2")])
    try scratch.makeDirectory("bin")
    let real = try await tool("sh", ["-c", "command -v qemu-img"]).outputLines[0]
    try scratch.write("#!/bin/sh\n[ \"$1\" = map ] || exec \(real) \"$@\"\n\(command)\n", to: "bin/qemu-img")
    chmod(scratch("bin/qemu-img").string, 0o755)
    let outcome = try await run(
      "sh", ["-c", "PATH=$PWD/bin:$PATH exec \"$1\" changed --allow-external child.qcow2", "sh", try Products.mapper],
      in: scratch.path)
    expectOneLine(outcome, "child.qcow2", words)
  }
}
