import FoundationEssentials
import SystemPackage
import Testing

/// NTFS as Windows leaves it: files that ntfs-3g has read before anybody asks for them, files that it does not read,
/// and directories that it does not enter.
@Suite struct WindowsTests {
  private static let first = "/dev/sda1"
  private static let compressed = ["/dev/sda2", "/dev/sda3"]

  /// The files that the guest was made from, with paths from a volume's root.
  private func originals() async throws -> [(path: String, bytes: [UInt8])] {
    let root = try await Guests.windows.value.appending("tree")
    return try FileManager.default.subpathsOfDirectory(atPath: root.string).compactMap { path in
      let file = root.appending(path)
      var isDirectory = false
      guard FileManager.default.fileExists(atPath: file.string, isDirectory: &isDirectory), !isDirectory else {
        return nil
      }
      return ("/" + path, try [UInt8](contentsOf: file))
    }
  }

  @Test(arguments: ["auto", "read"])
  func everyFileIsWhereTheMapSays(method: String) async throws {
    let guest = try await (method == "auto" ? Maps.windows : Maps.windowsRead).value
    #expect(guest.outcome.errors.text == "")
    let rebuild = Rebuild(disk: guest.disk)
    let files = guest.map.objects("f")
    var compared = 0
    for (path, bytes) in try await originals() where path != "/encrypted" {
      let lines = files[ObjectName(device: Self.first, path: Array(path.utf8))] ?? []
      #expect(try rebuild.bytes(size: UInt64(bytes.count), of: lines) == bytes, "\(path)")
      compared += 1
    }
    #expect(compared > 140)
    // Its block list takes several records, and there are holes between its pieces.
    let pieces = files[ObjectName(device: Self.first, path: Array("/system/system-holes".utf8))] ?? []
    let whole = try #require(try await originals().first { $0.path == "/many-pieces" }).bytes
    #expect(pieces.count > 100)
    #expect(try rebuild.bytes(size: UInt64(whole.count), of: pieces) == whole)
    let album = files[ObjectName(device: Self.first, path: Array("/OneDrive/album".utf8))]
    let link = files[ObjectName(device: Self.first, path: Array("/OneDrive/photos/the-same".utf8))]
    #expect(album?.map(\.range) == link?.map(\.range) && album?.isEmpty == false)
  }

  @Test func bothMethodsAgree() async throws {
    let told = try await Maps.windows.value.map.comparable(marks: [])
    let read = try await Maps.windowsRead.value.map.comparable(marks: [])
    #expect(told.subtracting(read).sorted().prefix(5) == [])
    #expect(read.subtracting(told).sorted().prefix(5) == [])
  }

  /// What is read to list a directory is not part of the directory.
  @Test func noByteBelongsToTwo() async throws {
    for guest in [try await Maps.windows.value, try await Maps.windowsRead.value] {
      var last: MapText.Line?
      for line in guest.map.lines where "fd".contains(line.kind) && !line.path.text.hasSuffix("/the-same") {
        if let last { #expect(last.range.upperBound <= line.range.lowerBound, "\(last.name) and \(line.name)") }
        last = line
      }
    }
  }

  @Test func directoriesOfAClouds() async throws {
    let guest = try await Maps.windows.value
    let rebuild = Rebuild(disk: guest.disk)
    let index = guest.map.lines("d", Self.first, Array("/OneDrive/many".utf8))
    #expect(try rebuild.bytes(size: 4, of: index) == Array("INDX".utf8))
    // Nothing is below a junction, and it is not a directory itself.
    #expect(!guest.map.lines.contains { $0.path.text.hasPrefix("/junction") && $0.kind != "m" })
  }

  /// Encryption leaves each byte at its offset.
  @Test func encryptedFile() async throws {
    for guest in [try await Maps.windows.value, try await Maps.windowsRead.value] {
      let lines = guest.map.lines("f", Self.first, Array("/encrypted".utf8))
      #expect(lines.reduce(0) { $0 + $1.range.count } == 53248)
      let original = try #require(try await originals().first { $0.path == "/encrypted" }).bytes
      #expect(try Rebuild(disk: guest.disk).bytes(size: UInt64(original.count), of: lines) == original)
    }
  }

  @Test func compressedFiles() async throws {
    let guest = try await Maps.windows.value
    let rebuild = Rebuild(disk: guest.disk)
    for device in Self.compressed {
      for (path, bytes) in try await originals() where path.hasPrefix("/compressed/") {
        let lines = guest.map.lines("f", device, Array(path.utf8))
        let stored = lines.reduce(0) { $0 + $1.range.count }
        if path.contains("noise") {
          // Data that does not get smaller is stored as it is, in units of 16 clusters. The last, partial unit is
          // left out.
          let unit = device == Self.compressed[0] ? 65536 : 16384
          let size = bytes.count / unit * unit
          #expect(try rebuild.bytes(size: UInt64(size), of: lines) == Array(bytes.prefix(size)), "\(device) \(path)")
        } else {
          #expect(stored > 0 && stored < bytes.count, "\(device) \(path)")
        }
        // No range starts beyond the end of the file.
        #expect(lines.allSatisfy { $0.offset < bytes.count })
      }
    }
  }

  private struct Answer: Decodable {
    struct Finding: Decodable {
      var path: String
      var reason: String
    }

    struct Total: Decodable {
      var proved: Int
      var unverified: Int
    }

    var total: Total
    var wrong: [Finding]
    var excepted: [Finding]
  }

  @Test func verifyProvesIt() async throws {
    let guest = try await Maps.windows.value
    let run = try MapperRun()
    let outcome = try await run(["verify", "--json", guest.disk, guest.file])
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    let answer = try JSONDecoder().decode(Answer.self, from: Data(outcome.output))
    #expect(answer.wrong.isEmpty && answer.total.unverified == 0, "\(answer.wrong.prefix(5))")
    #expect(answer.excepted.allSatisfy { $0.path == "/encrypted" || $0.reason == "compressed" })
    #expect(answer.excepted.contains { $0.path == "/encrypted" })
    // Including those that ntfs-3g does not reach.
    let inCloud = try await originals().filter { $0.path.hasPrefix("/OneDrive/") }.count
    print("\(answer.total.proved) proved, \(answer.excepted.count) excepted, \(inCloud) in a cloud's directory")
    #expect(inCloud > 100 && answer.total.proved > inCloud)
  }
}
