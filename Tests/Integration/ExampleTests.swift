import FoundationEssentials
import SystemPackage
import Testing

/// The script that asks every question prints what examples/answers.expected says, whatever the sizes of the kernel and
/// of the other programs in the demo guest are.
@Suite struct ExampleTests {
  @Test func answers() async throws {
    let guest = try await Guests.demo.value
    let run = try MapperRun()
    try await tool("ln", [guest.appending("guest.vmdk"), run.scratch("guest.vmdk")])
    let mapped = try await run(["-o", "guest.bmap", "guest.vmdk"])
    try #require(mapped.end == .exited(0), "\(mapped.errors.text)")
    let outcome = try await run.execute([Products.package.appending("examples/answers"), run.scratch.path])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let expected = try [UInt8](contentsOf: Products.package.appending("examples/answers.expected")).text
    #expect(lines(outcome.output.text) == lines(expected))
    // Only what make-guest and virt-bmap made is left.
    #expect(try Set(names(in: run.scratch.path)).isSubset(of: ["guest.vmdk", "guest.bmap", "t"]))
  }

  /// The lines with all numbers and widths of columns replaced.
  private func lines(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      String(line).replacing(#/[0-9]+(\.[0-9]+)?/#, with: "N").replacing(#/ +/#, with: " ")
    }
  }
}
