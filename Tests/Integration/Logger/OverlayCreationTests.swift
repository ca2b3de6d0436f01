import Glibc
import SystemPackage
import Testing

/// A server is killed while it creates an overlay, at every call that does so: the next server can use the overlay.
@Suite struct OverlayCreationTests {
  private let scratch: Scratch

  init() throws { scratch = try Scratch() }

  private func server(_ overlay: FilePath) throws -> [any Word] {
    [
      "nbdkit", "-U", "-", try Products.logger, scratch("base.vmdk"), "bmap=none", "logfile=\(scratch("log"))",
      "overlay=\(overlay)", "--run", "qemu-io -f raw -c 'write -P 3 64k 64k' -c flush -c 'read -P 3 64k 64k' \"$uri\"",
    ]
  }

  @Test(arguments: [OverlayKind.persistent, .vmdk], ["ftruncate", "pwrite64", "fdatasync", "linkat", "fsync"])
  func isWholeOrNotThere(_ kind: OverlayKind, _ call: String) async throws {
    try await tool("qemu-img", ["create", "-q", "-f", "vmdk", scratch("base.vmdk"), "8M"])
    var deaths = 0
    var number = 1
    while number < 40 {
      let overlay = scratch("overlay\(number)\(kind == .vmdk ? ".vmdk" : "")")
      let outcome = try await run(
        "strace",
        [
          "-f", "-o", "/dev/null", "-e", "trace=\(call)", "-e", "inject=\(call):signal=KILL:when=\(number)",
        ] + server(overlay))
      let wasThere = exists(overlay)
      let next = try await run("nbdkit", Array(server(overlay).dropFirst()))
      #expect(next.end == .exited(0), "killed at \(call) \(number), there: \(wasThere): \(next.errors.text)")
      #expect(!next.output.text.contains("failed"), "\(next.output.text)")
      if outcome.end == .exited(0) { break }
      deaths += 1
      number += 1
    }
    // The call was made at least once.
    #expect(deaths > 0 && number < 40, "\(deaths)")
  }
}
