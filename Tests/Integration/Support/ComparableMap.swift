extension MapText {
  /// The lines, so that two maps of a guest can be compared. md's arrays have another name in each run: here they have
  /// that of their mark, which is the file /is-MARK on them.
  func comparable(marks: [String]) throws -> [String] {
    var names: [String: String] = [:]
    for mark in marks {
      guard let line = lines.first(where: { $0.path == Array("/is-\(mark)".utf8) }) else {
        throw TestFailure("no file /is-\(mark) in the map")
      }
      if line.device.text.hasPrefix("/dev/md") { names[line.device.text] = mark }
    }
    return lines.map { line in
      let device = names[line.device.text] ?? line.device.text
      return "\(line.disk) \(line.range) \(line.kind)@\(line.offset) \(device) \(line.path.text)"
    }
  }
}
