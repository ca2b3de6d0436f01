import BlockMap
import DiskImage
import Dispatch
import FileProof
import Glibc
import Synchronization

/// Compares files with what the guest has read, several at a time.
struct FileComparer: Sendable {
  /// A file, and what the guest has read of it.
  struct Job: Sendable {
    /// The caller's number for the file.
    var index: Int
    /// nil if the map has no range of the file.
    var object: ObjectID?
    /// In bytes.
    var size: UInt64
    /// The BLAKE2b-512 of the file's bytes; nil if it has none.
    var digest: [UInt8]?
    /// The parts of the file that the digest covers; nil for the whole file.
    var layout: DataLayout?
  }

  static let isMissing = "it is not in the map"

  let files: MapFiles
  let disks: [any VirtualDisk]
  let isCancelled: @Sendable () -> Bool

  /// Finds what is wrong with the ranges of each file; nil if nothing is.
  /// - Parameters:
  ///   - check: knows where the copies are; nil if that is not known.
  ///   - blockSize: the filesystem's block size, in bytes; a file's last range may extend to the end of a block.
  func problems(of jobs: [Job], _ check: CopyCheck?, blockSize: UInt64) throws -> [String?] {
    let results = Mutex<(problems: [String?], failure: (any Error)?)>((Array(repeating: nil, count: jobs.count), nil))
    let next = Atomic(0)
    let workers = min(jobs.count, max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      do {
        let rebuild = FileRebuild(disks: disks, isCancelled: isCancelled)
        while true {
          let index = next.add(1, ordering: .relaxed).oldValue
          guard index < jobs.count, results.withLock({ $0.failure == nil }) else { return }
          guard let problem = try problem(of: jobs[index], rebuild, check, blockSize: blockSize) else { continue }
          results.withLock { $0.problems[index] = problem }
        }
      } catch {
        results.withLock { $0.failure = $0.failure ?? error }
      }
    }
    return try results.withLock { results in
      if let failure = results.failure { throw failure }
      return results.problems
    }
  }

  private func problem(
    of job: Job, _ rebuild: borrowing FileRebuild, _ check: CopyCheck?, blockSize: UInt64
  ) throws -> String? {
    let ranges = job.object.map { files.ranges(of: $0) } ?? []
    if let digest = job.digest {
      switch try rebuild.file(size: job.size, of: ranges, layout: job.layout) {
      case .impossible(let reason): return reason
      case .digest(let rebuilt) where rebuilt != digest:
        return ranges.isEmpty ? Self.isMissing : FileRebuild.differs
      case .digest: break
      }
    }
    let (rounded, overflow) = job.size.addingReportingOverflow(blockSize - 1)
    let end = overflow ? UInt64.max : rounded / blockSize * blockSize
    if let beyond = ranges.first(where: { $0.objectOffset >= end || $0.objectEnd > end }) {
      return "disk \(beyond.disk) at \(hex(beyond.range.lowerBound)) goes beyond its end"
    }
    return check?.problem(of: ranges)
  }
}
