import Appliance
import BlockMap
import FileProof
import Filesystems

/// The state of verifying one filesystem; takes about 32 bytes per file.
struct FilesystemWork {
  struct File {
    var size: UInt64
    /// In bytes.
    var allocated: UInt64
    var inode: UInt64
    /// nil if the map has no range of the file.
    var object: ObjectID?
    var isCompared = false
    /// Whether the file has been counted as proved, excepted or wrong.
    var isDecided = false
  }

  /// A file that cannot be rebuilt from the map, and why, as far as that is known.
  struct Suspect {
    var file: Int
    var reason: String
  }

  /// The map's name for the device.
  let device: [UInt8]
  let type: String
  let knownType: any FilesystemType
  let space: Guest.AddressSpace
  /// In bytes.
  let blockSize: UInt64
  var result: Verification.Filesystem
  var files: [File] = []
  var suspects: [Suspect] = []
  var bytesDone: UInt64 = 0
  private var bytes: UInt64 = 0
  /// The paths of files that are not in the map, by their indices in `files`.
  private var paths: [Int: [UInt8]] = [:]

  init(device: [UInt8], type: String, space: Guest.AddressSpace, blockSize: UInt64) {
    self.device = device
    self.type = type
    knownType = filesystemType(named: type)
    self.space = space
    self.blockSize = blockSize
    result = Verification.Filesystem(device: device, type: type)
  }

  var progress: Double { bytes == 0 ? 1 : min(1, Double(bytesDone) / Double(bytes)) }

  mutating func add(_ entry: GuestListing.Entry, object: ObjectID?) {
    if object == nil { paths[files.count] = entry.path }
    files.append(File(size: entry.size, allocated: entry.allocated, inode: entry.inode, object: object))
    bytes &+= min(entry.size, entry.allocated)
  }

  func path(of index: Int, in map: BlockMap) -> [UInt8] {
    guard let object = files[index].object else { return paths[index] ?? [] }
    return map.objects.withPath(of: object) { $0.map { Array($0) } ?? [] }
  }

  func isPath(_ path: [UInt8], of index: Int, in map: BlockMap) -> Bool {
    guard let object = files[index].object else { return paths[index] == path }
    return map.objects.withPath(of: object) { $0?.elementsEqual(path) ?? false }
  }

  /// - Parameters:
  ///   - digest: the digest of the guest's bytes; nil if there are none.
  ///   - layout: the parts that the digest covers; nil for the whole file.
  func job(_ index: Int, digest: [UInt8]?, layout: DataLayout? = nil) -> FileComparer.Job {
    FileComparer.Job(
      index: index, object: files[index].object, size: files[index].size, digest: digest, layout: layout)
  }

  /// The map's objects for the files that are not counted yet.
  var undecided: [ObjectID] { files.lazy.filter { !$0.isDecided }.compactMap(\.object) }
}
