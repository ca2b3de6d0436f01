import Appliance
import BlockMap
import Bytes
import FileProof

/// Verifies what is in the map but out of find(1)'s reach: ntfs-3g shows a directory or a file with a reparse point for
/// another program (such as a cloud service) as a dangling link. Its tools ntfsinfo(8) and ntfscat(8) ignore the
/// reparse point, and find and read the file or directory through the file table.
extension Verifier {
  mutating func readUnlisted(_ work: inout FilesystemWork) throws {
    guard work.knownType.evidence == .fileTable else { return }
    let objects = files.map.objects.ids.filter { object in
      !seen[Int(object.rawValue)] && [.file, .directory].contains(files.map.objects.kind(of: object))
        && files.map.objects.device(of: object) == work.device
    }
    for start in stride(from: 0, to: objects.count, by: GuestQuestions.maximum) {
      guard !guest.isCancelled() else { throw MapperError.interrupted }
      let part = objects[start..<min(objects.count, start + GuestQuestions.maximum)].compactMap { object in
        files.map.objects[object].path.map { (object: object, path: $0) }
      }
      let answers = try GuestQuestions(appliance: guest.appliance).ask(part.map { (.byTable, $0.path) })
      for (named, lines) in zip(part, answers) {
        _ = try take(named.object, path: named.path, answer: lines.first?.fields ?? [], in: &work)
      }
    }
  }

  /// Compares files that ntfs-3g does not read, such as those in a cloud.
  /// - Returns: the files that cannot be read through the file table either.
  mutating func readByTable(
    _ refused: [(file: Int, reason: String)], in work: inout FilesystemWork
  ) throws -> [(file: Int, reason: String)] {
    guard work.knownType.evidence == .fileTable, !refused.isEmpty else { return refused }
    let paths = refused.map { work.path(of: $0.file, in: files.map) }
    let answers = try GuestQuestions(appliance: guest.appliance).ask(paths.map { (.byTable, $0) })
    var left: [(file: Int, reason: String)] = []
    for ((file, path), lines) in zip(zip(refused, paths), answers) {
      let answer = lines.first?.fields ?? []
      if let object = work.files[file.file].object, try take(object, path: path, answer: answer, in: &work) {
        work.files[file.file].isDecided = true
      } else {
        left.append(file)
      }
    }
    return left
  }

  /// - Parameter answer: the answer to `GuestQuestions.Question.byTable`.
  /// - Returns: false for a file about which the answer says nothing.
  private mutating func take(
    _ object: ObjectID, path: [UInt8], answer: [Substring], in work: inout FilesystemWork
  ) throws -> Bool {
    let isDirectory = files.map.objects.kind(of: object) == .directory
    if isDirectory {
      if answer == ["directory"] { seen[Int(object.rawValue)] = true }
      return true
    }
    guard answer.count == 3, let size = UInt64(answer[1]) else { return false }
    seen[Int(object.rawValue)] = true
    let digest = answer[2].utf8.hexDecoded ?? []
    let job = FileComparer.Job(index: 0, object: object, size: size, digest: digest)
    let problem = try comparer.problems(of: [job], nil, blockSize: work.blockSize).first ?? nil
    guard let problem else {
      work.result.proved += 1
      return true
    }
    // The flags of the data attribute.
    let flags = UInt32(answer[0], radix: 16) ?? 0
    if flags & 0xff != 0 {
      except(path, .compressed, in: &work)
    } else if flags & 0x4000 != 0 {
      except(path, .unreadable, because: "it is encrypted", in: &work)
    } else {
      work.result.wrong += 1
      found(Verification.Finding(isWrong: true, device: work.device, path: path, reason: problem))
    }
    return true
  }
}
