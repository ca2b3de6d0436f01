import Testing

@testable import LogReport

@Suite struct PerfettoTests {
  /// The examples of the documentation of Protocol Buffers.
  @Test func messages() {
    var message = ProtobufMessage()
    message.add(1, UInt64(150))
    #expect(message.bytes == [0x08, 0x96, 0x01])
    message = ProtobufMessage()
    message.add(2, "testing".utf8)
    #expect(message.bytes == [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67])
    message = ProtobufMessage()
    message.add(3) { $0.add(1, UInt64(150)) }
    #expect(message.bytes == [0x1a, 0x03, 0x08, 0x96, 0x01])
    message = ProtobufMessage()
    message.add(1, UInt64.max)
    #expect(message.bytes == [0x08] + [UInt8](repeating: 0xff, count: 9) + [0x01])
  }

  /// Requests on a lane do not overlap, and there are no more lanes than requests at the same time.
  @Test func lanes() {
    var lanes = RequestLanes()
    var requests: [(begin: UInt64, end: UInt64)] = []
    for _ in 0..<2000 {
      let begin = UInt64.random(in: 0..<100_000)
      requests.append((begin, begin + UInt64.random(in: 0..<200)))
    }
    requests.sort { $0.end < $1.end }
    var taken: [Int: [(begin: UInt64, end: UInt64)]] = [:]
    for request in requests {
      guard let lane = lanes.lane(from: request.begin, to: request.end) else {
        Issue.record("no lane")
        continue
      }
      #expect(lane.isNew == (taken[lane.number] == nil))
      taken[lane.number, default: []].append(request)
    }
    for lane in taken.values {
      #expect(zip(lane, lane.dropFirst()).allSatisfy { $0.end <= $1.begin })
    }
    let most = requests.map { one in requests.count { $0.begin <= one.begin && $0.end > one.begin } }.max() ?? 0
    #expect(taken.count <= most + 1)
  }

  @Test func noMoreLanesThanTheLimit() {
    var lanes = RequestLanes()
    let taken = (0..<300).map { _ in lanes.lane(from: 0, to: 10) }
    #expect(taken.count { $0 != nil } == RequestLanes.maximum)
    #expect(lanes.lane(from: 10, to: 11)?.number == 0)
  }

  /// More requests and connections than there are tracks for.
  @Test func manyConnections() throws {
    var tracks = TraceTracks()
    var described: [String] = []
    for connection in 1...5000 as ClosedRange<UInt32> {
      _ = tracks.track(disk: 1, connection: connection, from: 0, to: 1) { described.append($0.name) }
    }
    #expect(described.count == 1 + 2 * 4096 + 2)
    #expect(described.suffix(2) == ["other connections", "more requests"])
  }
}
