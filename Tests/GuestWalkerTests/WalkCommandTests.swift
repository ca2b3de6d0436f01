import Testing

@testable import GuestWalker

@Suite struct WalkCommandTests {
  @Test func argumentsAreTakenApart() throws {
    let command = try #require(WalkCommand(arguments: ["/dev/sda", "/sysroot", "read"]))
    #expect(command.channel == "/dev/sda" && command.directory == "/sysroot" && command.method == .read)
    #expect(WalkCommand(arguments: ["c", "d", "all"])?.method == .extents(proof: nil))
    #expect(WalkCommand(arguments: ["c", "d", "64"][...])?.method == .extents(proof: 64))
  }

  @Test(arguments: [[], ["c"], ["c", "d"], ["c", "d", "some"], ["c", "d", "-1"], ["c", "d", "read", "more"]])
  func otherArgumentsAreNone(arguments: [String]) {
    #expect(WalkCommand(arguments: arguments) == nil)
  }

  @Test func whatIsNotThereIsAnError() throws {
    let scratch = try Scratch()
    let noChannel = try #require(WalkCommand(arguments: [scratch.path + "/none", scratch.tree, "read"]))
    #expect { try noChannel.run() } throws: { "\($0)".contains("/none: No such file") }
    try scratch.write([UInt8](repeating: 0, count: 4096), to: "channel")
    let notMounted = try #require(WalkCommand(arguments: [scratch.tree + "/channel", scratch.tree, "read"]))
    #expect(throws: WalkError.self) { try notMounted.run() }
    #expect { try mountedFilesystem(on: scratch.tree, method: .read) } throws: {
      "\($0)" == "\(scratch.tree): nothing is mounted there"
    }
  }
}
