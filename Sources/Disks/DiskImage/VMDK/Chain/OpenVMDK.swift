import Glibc
import SystemPackage

/// Opens a VMDK, given its descriptor, or an extent with or without an embedded descriptor.
/// - Throws: `DiskError`, as for `openDisk`.
func openVMDK(_ file: HostFile, options: OpenOptions) throws(DiskError) -> OpenedDisk {
  var opener = ChainOpener(options: options)
  return try opener.open(file)
}

/// Opens an image and its parents, one after another, within one budget.
private struct ChainOpener {
  private let options: OpenOptions
  private var extents: ExtentOpener
  /// The images opened so far: the image that the user named, followed by its parents.
  private var links: [DiskLink] = []
  private var layers: [Layer] = []
  private var seen: [FileIdentity] = []
  private var files: [FilePath] = []
  private var warnings: [String] = []

  init(options: OpenOptions) {
    self.options = options
    extents = ExtentOpener(options: options)
  }

  mutating func open(_ named: HostFile) throws(DiskError) -> OpenedDisk {
    var next: HostFile? = named
    // What the snapshot expects of the next image.
    var expected: Expected?
    while let file = next {
      let (image, isDescriptor) = try read(file)
      warnings += image.descriptor?.warnings ?? []
      try checkCID(of: image.descriptor, path: file.path, expected)
      let layer = try open(image, isDescriptor: isDescriptor)
      layers.append(layer)
      next = nil
      if let descriptor = image.descriptor, descriptor.parentCID != Descriptor.noParent {
        let parent = try parent(of: descriptor, file: file)
        next = parent.file
        expected = Expected(cid: descriptor.parentCID, by: file.path, insteadOf: parent.insteadOf)
      }
      // The descriptor has been read and is not needed any more.
      if isDescriptor { file.close() }
    }
    return OpenedDisk(
      disk: VMDKDisk(layers, path: named.path), format: .vmdk, files: files, warnings: warnings, chain: links)
  }

  /// What one file says about its image.
  private struct Image {
    let file: HostFile
    /// `nil` for an extent without an embedded descriptor.
    let descriptor: Descriptor?
    /// The header of an extent; `nil` if the file is a descriptor.
    let header: ExtentHeader?
  }

  private mutating func read(_ file: HostFile) throws(DiskError) -> (Image, isDescriptor: Bool) {
    guard links.count < VMDKLimits.links else {
      throw DiskError(file.path, "the chain of snapshots has more than \(VMDKLimits.links) disks", errno: ELOOP)
    }
    let identity = try file.identity()
    guard !seen.contains(identity) else {
      throw DiskError(file.path, "is its own parent: the chain of snapshots loops", errno: ELOOP)
    }
    seen.append(identity)
    if try ExtentHeader.isAtStart(of: file) {
      let header = try ExtentHeader.read(from: file, options: options)
      guard let range = header.descriptor else {
        return (Image(file: file, descriptor: nil, header: header), isDescriptor: false)
      }
      let text = try file.bytes(at: range.lowerBound, count: range.count)
      guard !Descriptor.isEmpty(text) else {
        return (Image(file: file, descriptor: nil, header: header), isDescriptor: false)
      }
      let descriptor = try Descriptor(parsing: text, in: .extent, path: file.path)
      try CreateType.check(descriptor, path: file.path)
      return (Image(file: file, descriptor: descriptor, header: header), isDescriptor: false)
    }
    guard file.length <= VMDKLimits.descriptorBytes else {
      throw DiskError(
        file.path,
        "is not a VMDK: it has no VMDK header, and a descriptor has no more than \(VMDKLimits.descriptorBytes) bytes "
          + "(a flat extent by itself is format raw)", errno: EINVAL)
    }
    let text = try file.bytes(at: 0, count: Int(file.length))
    let descriptor = try Descriptor(parsing: text, in: .ownFile, path: file.path)
    try CreateType.check(descriptor, path: file.path)
    return (Image(file: file, descriptor: descriptor, header: nil), isDescriptor: true)
  }

  private mutating func open(_ image: Image, isDescriptor: Bool) throws(DiskError) -> Layer {
    let path = image.file.path
    add(path)
    var opened: [VMDKExtent] = []
    var known: [DiskLink.Extent] = []
    if let header = image.header {
      let line = try image.descriptor.map { (descriptor) throws(DiskError) in
        try onlyExtent(of: descriptor, header, path: path)
      }
      if image.descriptor == nil {
        warnings.append("\(printable(path)): has no descriptor: it is read as a disk, but may be a part of one")
      }
      let extent = try extents.open(header, of: image.file, size: line?.size ?? header.layout.capacity)
      opened.append(extent)
      known.append(DiskLink.Extent(extent, header, access: line?.access.rawValue, type: line?.type, file: path))
    } else if let descriptor = image.descriptor {
      let directory = try ImageDirectory(of: image.file, options: options)
      for line in descriptor.extents {
        let (extent, header) = try extents.open(line, in: directory, descriptor: path)
        opened.append(extent)
        known.append(
          DiskLink.Extent(extent, header, access: line.access.rawValue, type: line.type, file: extent.file?.path))
        if let file = extent.file?.path { add(file) }
      }
    }
    warnings += extents.takeWarnings()
    let layer = try Layer(opened, path: path)
    links.append(DiskLink(path: path, size: layer.size, descriptor: image.descriptor, extents: known))
    return layer
  }

  /// The extent line of an embedded descriptor. The extent is the file itself, even if it has been renamed since. No
  /// other files are opened.
  private func onlyExtent(
    of descriptor: Descriptor, _ header: ExtentHeader, path: FilePath
  ) throws(DiskError) -> DescriptorExtent {
    guard descriptor.extents.count == 1, let extent = descriptor.extents.first, case .sparse = extent.storage,
      extent.access != .none
    else {
      throw DiskError(
        path, "the descriptor inside the extent has to name one SPARSE extent, which is the file itself", errno: EINVAL)
    }
    try header.checkCapacity(covers: extent, path: path)
    return extent
  }

  private mutating func add(_ file: FilePath) {
    if files.last != file, !files.contains(file) { files.append(file) }
  }

  private func parent(of descriptor: Descriptor, file: HostFile) throws(DiskError) -> ParentFile {
    guard let hint = descriptor.parentFileNameHint, !hint.isEmpty else {
      throw DiskError(
        file.path,
        "is a snapshot over another disk (parentCID \(hexadecimal(descriptor.parentCID))), but has no "
          + "parentFileNameHint that says which", errno: EINVAL)
    }
    return try ParentFile(hint, in: ImageDirectory(of: file, options: options))
  }

  /// What a snapshot says about its parent.
  private struct Expected {
    let cid: UInt32
    let by: FilePath
    /// See `ParentFile.insteadOf`.
    let insteadOf: [UInt8]?
  }

  private mutating func checkCID(
    of descriptor: Descriptor?, path: FilePath, _ expected: Expected?
  ) throws(DiskError) {
    guard let expected else { return }
    let snapshot = printable(expected.by)
    let hint = expected.insteadOf.map { printable($0.prefix(VMDKLimits.shownName)) }
    guard descriptor?.cid != expected.cid else {
      guard let hint else { return }
      warnings.append(
        "\(snapshot): the parent \"\(hint)\" is looked for beside the snapshot by the last part of its name alone: "
          + "\(printable(path)) is there, and has the right CID")
      return
    }
    let found = descriptor?.cid.map { "has CID \(hexadecimal($0))" } ?? "has no CID"
    if let hint {
      throw DiskError(
        path,
        "\(found), but its snapshot \(snapshot) expects parentCID \(hexadecimal(expected.cid)): it is not the parent "
          + "\"\(hint)\", though it has its name (allow-external lets that one be opened)", errno: EINVAL)
    }
    let error = DiskError(
      path,
      "\(found), but its snapshot \(snapshot) expects parentCID \(hexadecimal(expected.cid)): the parent "
        + "was changed after the snapshot was taken", errno: EINVAL)
    guard options.ignoresCID else {
      throw DiskError(path, "\(error.message) (ignore-cid reads it anyway)", errno: EINVAL)
    }
    warnings.append(error.description)
  }
}

/// Formats a content ID as in a descriptor.
package func hexadecimal(_ cid: UInt32) -> String {
  let digits = String(cid, radix: 16)
  return String(repeating: "0", count: 8 - digits.utf8.count) + digits
}
