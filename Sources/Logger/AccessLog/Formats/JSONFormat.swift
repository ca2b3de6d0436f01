import BlockMap

/// The format for programs: JSON Lines, one object per request.
///
///     {"time":81.052377,"op":"read","disk":1,"connection":1,"offset":1048576,"length":4096,"result":"ok",
///      "latency":35.2,"pieces":[{"offset":1048576,"length":4096,"objects":[
///      {"kind":"f","device":"/dev/sda1","path":"/boot/vmlinuz","offset":0},{"kind":"p","device":"/dev/sda1",
///      "offset":0},{"kind":"v","device":"/dev/sda","offset":1048576}]}]}
///
/// all on one line. `time` is in seconds of `CLOCK_MONOTONIC`; `latency` is in microseconds; `offset` and `length` are
/// in bytes of the disk. The `offset` of an object is where in the object the piece begins; maps in the 2014 format do
/// not have it. `result` is `ok` or the name of an errno. What is not known of `time`,
/// `latency` and `result` is missing. `objects` lists all objects that cover the piece, the most
/// specific first; if there are too many to list, `more` says how many are left out. A piece with `stale` has been
/// written since the map was made. A piece with `rest` is the last one of a request with too many pieces: the objects
/// in it were not looked up. Names are escaped as in a map, and so are bytes that are not UTF-8. A line
/// `{"lost":5,"reason":"…"}` says how many requests could not be written.
package struct JSONFormat: LogFormat {
  /// The approximate maximum length of a line, as names can be long and pieces many.
  private static let maximumBytes = 16 << 20

  package init() {}

  package func append(
    _ event: AccessEvent, _ request: AttributedRequest, _ map: SharedMap?, to output: inout [UInt8]
  ) {
    let start = output.count
    appendRequest(event, to: &output)
    let hasOffsets = map?.index.map.hasOffsets ?? false
    var isFirst = true
    for part in request.parts.indices where request.parts[part].isSelected {
      if !isFirst { output.append(0x2c) }
      isFirst = false
      guard output.count - start < Self.maximumBytes else {
        var rest = AttributedRequest()
        rest.addToRest(request.parts[part].range.lowerBound..<event.range.upperBound)
        Self.append(rest, 0, map, hasOffsets, to: &output)
        break
      }
      Self.append(request, part, map, hasOffsets, to: &output)
    }
    guard !isFirst || request.isUnfiltered else { return output.removeSubrange(start...) }
    output.append(contentsOf: "]}\n".utf8)
  }

  package func endLine(in output: inout [UInt8]) {}
  package func restart() {}

  package func appendLoss(of count: UInt64, because reason: String, to output: inout [UInt8]) {
    output.append(contentsOf: "{\"lost\":".utf8)
    JSONText.append(count, to: &output)
    output.append(contentsOf: ",\"reason\":".utf8)
    JSONText.append(text: reason, to: &output)
    output.append(contentsOf: "}\n".utf8)
  }

  private func appendRequest(_ event: AccessEvent, to output: inout [UInt8]) {
    output.append(0x7b)
    if let time = event.time {
      output.append(contentsOf: "\"time\":".utf8)
      JSONText.append(time.nanoseconds / 1000, decimals: 6, to: &output)
      output.append(0x2c)
    }
    output.append(contentsOf: "\"op\":\"".utf8)
    output.append(contentsOf: event.operation.word.utf8)
    output.append(contentsOf: "\",\"disk\":".utf8)
    JSONText.append(UInt64(event.disk), to: &output)
    output.append(contentsOf: ",\"connection\":".utf8)
    JSONText.append(UInt64(event.connection), to: &output)
    Self.append(event.range, to: &output)
    if let errno = event.errno {
      output.append(contentsOf: ",\"result\":\"".utf8)
      output.append(contentsOf: (errno == 0 ? "ok" : ErrnoName.name(of: errno)).utf8)
      output.append(0x22)
    }
    if let latency = event.latency {
      output.append(contentsOf: ",\"latency\":".utf8)
      JSONText.append(latency / 100, decimals: 1, to: &output)
    }
    output.append(contentsOf: ",\"pieces\":[".utf8)
  }

  private static func append(
    _ request: AttributedRequest, _ part: Int, _ map: SharedMap?, _ hasOffsets: Bool, to output: inout [UInt8]
  ) {
    output.append(0x7b)
    append(request.parts[part].range, isFirst: true, to: &output)
    output.append(contentsOf: ",\"objects\":[".utf8)
    if let map {
      let owners = request.owners(of: part)
      for index in owners {
        if index > owners.lowerBound { output.append(0x2c) }
        append(request[owner: index], map, hasOffsets, to: &output)
      }
    }
    output.append(0x5d)
    if case let more = request.parts[part].unlisted, more > 0 {
      output.append(contentsOf: ",\"more\":".utf8)
      JSONText.append(UInt64(more), to: &output)
    }
    if request.parts[part].isRest { output.append(contentsOf: ",\"rest\":true".utf8) }
    if request.parts[part].isStale { output.append(contentsOf: ",\"stale\":true".utf8) }
    output.append(0x7d)
  }

  private static func append(
    _ owner: Owner, _ map: SharedMap, _ hasOffsets: Bool, to output: inout [UInt8]
  ) {
    output.append(contentsOf: "{\"kind\":\"".utf8)
    output.append(map.index.map.objects.kind(of: owner.object).rawValue)
    output.append(contentsOf: "\",\"device\":".utf8)
    map.index.map.objects.device(of: owner.object).withUnsafeBytes {
      JSONText.append(name: $0, as: .device, to: &output)
    }
    map.index.map.objects.withPath(of: owner.object) { path in
      guard let path else { return }
      output.append(contentsOf: ",\"path\":".utf8)
      JSONText.append(name: path, as: .path, to: &output)
    }
    if hasOffsets {
      output.append(contentsOf: ",\"offset\":".utf8)
      JSONText.append(owner.offset, to: &output)
    }
    output.append(0x7d)
  }

  private static func append(_ range: Range<UInt64>, isFirst: Bool = false, to output: inout [UInt8]) {
    if !isFirst { output.append(0x2c) }
    output.append(contentsOf: "\"offset\":".utf8)
    JSONText.append(range.lowerBound, to: &output)
    output.append(contentsOf: ",\"length\":".utf8)
    JSONText.append(range.upperBound - range.lowerBound, to: &output)
  }
}
