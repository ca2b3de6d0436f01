import BlockMap
import Foundation
import Glibc
import SystemPackage
import Testing

@testable import AccessLog

struct LogTests {
  private func log(
    _ descriptor: Int32, capacity: Int = AccessLog.defaultCapacity, _ reports: Reports = Reports()
  ) throws -> AccessLog {
    try AccessLog(
      target: FixedTarget(descriptor: descriptor), attribution: Attribution(index: nil), format: TextFormat(),
      capacity: capacity
    ) {
      reports.add($0)
    }
  }

  /// The ranges in a log, in order.
  private func ranges(_ text: String) -> [String] {
    text.split(separator: "\n").filter { $0.hasPrefix(" ") }.flatMap { $0.split(separator: " ").map(String.init) }
  }

  @Test func whatIsRecordedCanBeReadSoonAndInWholeLines() throws {
    let pipe = try TestPipe()
    let log = try log(pipe.descriptor)
    log.record(read(0..<0x200))
    log.record(read(0x200..<0x400))
    #expect(try pipe.some() == "read -\n 0-200 200-400\n")
    log.record(read(0x400..<0x600))
    #expect(try pipe.some() == " 400-600\n")
    log.close()
    log.record(read(0x600..<0x800))
    log.close()
    pipe.closeWriting()
    #expect(try pipe.rest() == "")
  }

  @Test func closingWritesAllThatWasRecorded() throws {
    for count in [0, 1, 1000, 50000] {
      let pipe = try TestPipe()
      let (reader, output) = (pipe.reading, Reports())
      let thread = Thread { output.add((try? readAll(reader)) ?? "") }
      thread.start()
      let log = try log(pipe.descriptor)
      for number in 0..<UInt64(count) { log.record(read(number..<number + 1)) }
      log.close()
      pipe.closeWriting()
      while output.all.isEmpty { usleep(1000) }
      #expect(
        ranges(output.all.joined())
          == (0..<count).map { "\(String($0, radix: 16))-\(String($0 + 1, radix: 16))" })
    }
  }

  /// Many threads share a queue that is far too small. They wait, nothing is dropped, and the requests of each thread
  /// stay in order.
  @Test func aFullQueueWaits() throws {
    let pipe = try TestPipe()
    let (reader, output) = (pipe.reading, Reports())
    let slow = Thread {
      usleep(50_000)
      output.add((try? readAll(reader)) ?? "")
    }
    slow.start()
    let log = try log(pipe.descriptor, capacity: 4)
    let (threads, each) = (8, 5000)
    let done = Reports()
    for thread in 0..<UInt64(threads) {
      Thread.detachNewThread {
        for number in 0..<UInt64(each) { log.record(read(thread << 32 | number..<thread << 32 | number + 1)) }
        done.add("done")
      }
    }
    while done.all.count < threads { usleep(1000) }
    log.close()
    pipe.closeWriting()
    while output.all.isEmpty { usleep(1000) }
    var next = [UInt64](repeating: 0, count: threads)
    for range in ranges(output.all.joined()) {
      let start = try #require(UInt64(range.prefix { $0 != "-" }, radix: 16))
      #expect(next[Int(start >> 32)] == start & 0xffff_ffff)
      next[Int(start >> 32)] += 1
    }
    #expect(next == [UInt64](repeating: UInt64(each), count: threads))
  }

  @Test func aFullDiskLosesRequestsAndSaysSoOnce() throws {
    let full = try FileDescriptor.open("/dev/full", .writeOnly)
    let reports = Reports()
    let log = try log(full.rawValue, reports)
    for number in 0..<UInt64(1000) { log.record(read(number..<number + 1)) }
    // A second write fails after the first failure was reported.
    while reports.all.isEmpty { usleep(1000) }
    for number in 0..<UInt64(10) { log.record(read(number..<number + 1)) }
    log.close()
    try full.close()
    #expect(
      reports.all == [
        "cannot write the log, requests go on unlogged: No space left on device", "1010 requests were not logged",
      ])
  }

  @Test func aReaderThatLeavesDoesNotKillTheServer() throws {
    let ends = try FileDescriptor.pipe()
    let reports = Reports()
    let log = try log(ends.writeEnd.rawValue, reports)
    try ends.readEnd.close()
    log.record(read(0..<1))
    log.close()
    try ends.writeEnd.close()
    #expect(
      reports.all == ["cannot write the log, requests go on unlogged: Broken pipe", "1 requests were not logged"])
  }

  @Test func goesOnWhenThereIsRoomAgain() throws {
    let full = try FileDescriptor.open("/dev/full", .writeOnly)
    let pipe = try TestPipe()
    let reports = Reports()
    let log = try log(full.rawValue, reports)
    log.record(read(1..<2))
    while reports.all.isEmpty { usleep(1000) }
    #expect(dup2(pipe.descriptor, full.rawValue) == full.rawValue)
    log.record(read(2..<3))
    #expect(
      try pipe.some() == "# 1 requests were not logged: No space left on device\nread -\n 2-3\n")
    log.close()
    try full.close()
    #expect(reports.all.last == "1 requests were not logged")
  }

  @Test func knowsWhetherTheLogEndsWithinALine() throws {
    let null = try FileDescriptor.open("/dev/null", .writeOnly)
    defer { try? null.close() }
    var output = LogOutput(target: FixedTarget(descriptor: null.rawValue))
    for (text, endsWithinLine) in [("read -\n 0-1", true), ("\n", false), ("a\n", false), (" 1-2", true)] {
      let isWritten = output.write(Array(text.utf8), requests: 1)
      #expect(isWritten)
      #expect(output.endsWithinLine == endsWithinLine)
    }
    #expect(output.totalLost == 0)
  }

  @Test func writesThroughADescriptorThatDoesNotBlock() throws {
    let pipe = try TestPipe()
    #expect(fcntl(pipe.descriptor, F_SETFL, O_NONBLOCK) == 0)
    let (reader, output) = (pipe.reading, Reports())
    Thread.detachNewThread {
      usleep(20_000)
      output.add((try? readAll(reader)) ?? "")
    }
    let log = try log(pipe.descriptor)
    for number in 0..<UInt64(30000) { log.record(read(number..<number + 1)) }
    log.close()
    pipe.closeWriting()
    while output.all.isEmpty { usleep(1000) }
    #expect(ranges(output.all.joined()).count == 30000)
  }
}

func readAll(_ descriptor: FileDescriptor) throws -> String {
  var all: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = try buffer.withUnsafeMutableBytes { try descriptor.read(into: $0) }
    if count == 0 { return String(decoding: all, as: UTF8.self) }
    all.append(contentsOf: buffer[..<count])
  }
}
