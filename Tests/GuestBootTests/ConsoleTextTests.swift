import Testing

@testable import GuestBoot

/// The console as lines, and `--until`.
@Suite struct ConsoleTextTests {
  private func lines(_ text: String, by count: Int = .max) -> (finished: [String], rest: String) {
    var console = ConsoleText()
    var finished: [String] = []
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      console.add(bytes.prefix(count)) { finished.append(String(decoding: $0, as: UTF8.self)) }
      bytes = bytes.dropFirst(count)
    }
    return (finished, String(decoding: console.line, as: UTF8.self))
  }

  /// What OVMF writes before its shell starts.
  static let firmware =
    "\u{1b}[2J\u{1b}[01;01H\u{1b}[=3h\u{1b}[2J\u{1b}[01;01HBdsDxe: failed to load Boot0001 \"UEFI Misc Device\" from "
    + "PciRoot(0x0)/Pci(0x2,0x0): Not Found\r\nBdsDxe: loading Boot0002 \"EFI Internal Shell\" from "
    + "Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)\r\n"

  @Test(arguments: [1, 2, 7, 1000]) func escapeSequencesAreLeftOut(by count: Int) {
    let (finished, rest) = lines(Self.firmware, by: count)
    #expect(
      finished == [
        "BdsDxe: failed to load Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x2,0x0): Not Found",
        "BdsDxe: loading Boot0002 \"EFI Internal Shell\" from Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)",
      ])
    #expect(rest.isEmpty)
  }

  @Test func aPromptIsALineThatIsNotFinished() {
    let (finished, rest) = lines("\u{1b}[0;32m  OK  \u{1b}[0m\r\n\u{1b}]0;title\u{7}debian login: ")
    #expect(finished == ["  OK  "] && rest == "debian login: ")
  }

  @Test(arguments: ["\u{1b}P0;1|17/ab\u{1b}\\x", "\u{1b}(Bx", "\u{1b}cx", "\u{1b}[38;5;1mx", "y\u{8}x", "\u{7}\u{0}x"])
  func otherSequences(text: String) {
    #expect(lines(text).rest == "x")
  }

  @Test func aLineWithoutEndIsBounded() {
    var console = ConsoleText()
    let block = [UInt8](repeating: 0x61, count: 1 << 16)
    for _ in 0..<16 {
      console.add(block) { _ in Issue.record("there is no end of a line") }
      #expect(console.line.count <= 2 * ConsoleText.mostBytes)
    }
    console.add(Array("end".utf8)) { _ in }
    #expect(console.line.suffix(4).elementsEqual("aend".utf8) && console.line.count >= ConsoleText.mostBytes)
  }

  private final class Ignoring: GuestObserver {
    func log(_ bytes: UnsafeRawBufferPointer) {}
    func console(_ bytes: UnsafeRawBufferPointer) {}
    func consoleLine(_ line: [UInt8], isFinished: Bool) {}
    func isShuttingDown() {}
  }

  private func isSeen(_ pattern: String, in text: String, by count: Int) throws -> Bool {
    var watch = ConsoleWatch(until: try ConsolePattern(Array(pattern.utf8)))
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      bytes.prefix(count).withUnsafeBytes { watch.add($0, Ignoring()) }
      bytes = bytes.dropFirst(count)
    }
    return watch.isSeen
  }

  @Test(arguments: [1, 3, 1000]) func until(by count: Int) throws {
    #expect(try isSeen("^BdsDxe: loading Boot[0-9]{4} \"EFI", in: Self.firmware, by: count))
    #expect(try isSeen("Not Found$", in: Self.firmware, by: count))
    #expect(try !isSeen("Found.*loading", in: Self.firmware, by: count))
    #expect(try isSeen("login: $", in: "\r\ndebian login: ", by: count))
  }

  @Test(arguments: ["a(", "[", "*a**{", ""]) func wrongExpressions(pattern: String) {
    if pattern != "*a**{" { #expect(throws: ConsolePattern.Invalid.self) { try ConsolePattern(Array(pattern.utf8)) } }
  }
}
