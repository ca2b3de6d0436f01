import Appliance
import BlockMap
import FileProof

/// What is known of the filesystem that is being verified; about 32 bytes a file.
struct FilesystemWork {
  struct File {
    var size: UInt64
    /// In bytes.
    var allocated: UInt64
    var inode: UInt64
    /// Nil: the map has no range of it.
    var object: ObjectID?
    var isCompared = false
    /// It is counted as proved, excepted or wrong.
    var isDecided = false
  }

  /// A file that does not come out of the map, and why not, as far as that shows.
  struct Suspect {
    var file: Int
    var reason: String
  }

  /// As the map names it.
  let device: [UInt8]
  let type: String
  let space: Guest.AddressSpace
  /// In bytes.
  let blockSize: UInt64
  var result: Verification.Filesystem
  var files: [File] = []
  var suspects: [Suspect] = []
  var bytesDone: UInt64 = 0
  private var bytes: UInt64 = 0
  /// Of files that are not in the map, by their place.
  private var paths: [Int: [UInt8]] = [:]

  init(device: [UInt8], type: String, space: Guest.AddressSpace, blockSize: UInt64) {
    self.device = device
    self.type = type
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
  ///   - digest: of the guest's bytes; nil if there are none.
  ///   - layout: where they are, if not everywhere.
  func job(_ index: Int, digest: [UInt8]?, layout: DataLayout? = nil) -> FileComparer.Job {
    FileComparer.Job(
      index: index, object: files[index].object, size: files[index].size, digest: digest, layout: layout)
  }

  /// The map's objects that are not counted yet.
  var undecided: [ObjectID] { files.lazy.filter { !$0.isDecided }.compactMap(\.object) }
}
