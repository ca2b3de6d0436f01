import Testing
import WalkRecord

@Suite struct WalkMethodTests {
  @Test(arguments: [
    (WalkMethod.read, "read"), (.extents(proof: nil), "all"), (.extents(proof: 0), "0"), (.extents(proof: 64), "64"),
    (.extents(proof: .max), "\(Int.max)"),
  ])
  func whatIsWrittenIsReadBack(method: WalkMethod, argument: String) {
    #expect(method.argument == argument)
    #expect(WalkMethod(argument: argument) == method)
  }

  @Test(arguments: ["", "-1", "Read", "read ", "1.5", "0x10", "9223372036854775808", "extents"])
  func whatIsNoMethodIsNone(argument: String) {
    #expect(WalkMethod(argument: argument) == nil)
  }
}
