import Glibc
import SystemPackage
import Testing

@testable import GuestBoot

/// Programs that are started by hand.
@Suite struct ChildProcessTests {
  private func start(_ program: String, _ arguments: [String], output: FilePath = "/dev/null") throws -> ChildProcess {
    let null = try FileDescriptor.open("/dev/null", .readWrite)
    let file = try FileDescriptor.open(output, .readWrite)
    defer {
      try? null.close()
      try? file.close()
    }
    return try ChildProcess(
      Array(program.utf8), arguments.map { Array($0.utf8) }, descriptors: [null, file, null], deathSignal: SIGKILL)
  }

  @Test func statusAndSignal() throws {
    var exited = try start("sh", ["-c", "exit 7"])
    exited.wait(atMost: .seconds(10))
    #expect(exited.end == .exited(7))
    var killed = try start("sh", ["-c", "kill -TERM $$"])
    killed.wait(atMost: .seconds(10))
    #expect(killed.end == .killed(SIGTERM))
    var late = try start("sleep", ["100"])
    late.wait(atMost: .milliseconds(50))
    #expect(late.end == .killed(SIGKILL))
    #expect(Glibc.kill(late.id, 0) != 0)
  }

  @Test func aProgramThatIsNotThere() {
    #expect(throws: Errno.noSuchFileOrDirectory) { try start("/nowhere/program", []) }
    #expect(throws: Errno.noSuchFileOrDirectory) { try start("no-such-program-anywhere", []) }
  }

  /// It gets its own process group, no signals blocked, and only the descriptors that it was given.
  @Test func whatItInherits() throws {
    var template = Array("/var/tmp/bmap-child-XXXXXX".utf8CString)
    let number = mkstemp(&template)
    try #require(number >= 0)
    let output = FilePath(platformString: template)
    defer { unlink(template) }
    // Not closed on exec, as a library might leave it.
    let leaked = dup(number)
    defer {
      close(leaked)
      close(number)
    }
    let script = "ls /proc/self/fd | wc -l; ps -o pgid= -p $$; echo $$; grep SigBlk /proc/self/status"
    var child = try start("bash", ["-c", script], output: output)
    child.wait(atMost: .seconds(20))
    var text = [UInt8](repeating: 0, count: 4096)
    let count = pread(number, &text, text.count, 0)
    let words = String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(whereSeparator: \.isWhitespace)
    // ls has the directory open as well.
    #expect(words.first == "4", "\(words)")
    #expect(words.count == 5 && words[1] == words[2] && words[4] == "0000000000000000", "\(words)")
  }

  /// What it has started itself is killed, too.
  @Test func theGroupIsKilled() throws {
    var (pipe, output) = try OutputPipe.make()
    var child = try start("sh", ["-c", "sleep 1000 & sleep 1000"], output: FilePath("/dev/fd/\(output.rawValue)"))
    try output.close()
    usleep(200_000)
    child.kill()
    // The pipe ends with the last process that holds it.
    pipe.readRest(longestPause: 5000) { _ in }
    #expect(pipe.descriptor == nil, "a process of the group is still there")
  }

  /// The kernel ends it when the thread that started it does.
  @Test func itEndsWithItsThread() throws {
    nonisolated(unsafe) var id: pid_t = 0
    var thread = pthread_t()
    nonisolated(unsafe) let start = { id = (try? self.start("sleep", ["1000"]))?.id ?? 0 }
    let box = Unmanaged.passRetained(Box(start))
    pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, box.toOpaque())
    pthread_join(thread, nil)
    try #require(id > 0)
    var status: Int32 = 0
    #expect(waitpid(id, &status, 0) == id)
    #expect(status & 0x7f == SIGKILL)
  }

  private final class Box {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }
}
