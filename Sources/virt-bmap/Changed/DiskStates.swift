import Answers
import Appliance
import ArgumentParser
import BlockMap
import DiskImage

/// The two states of a disk that are compared.
struct DiskStates {
  /// One of the two.
  struct State {
    /// As the user gave it.
    var name: String
    var loaded: LoadedMap
  }

  var old: State
  var new: State
  /// What has changed, in bytes and in order; nil if that has to be found out.
  var ranges: [Range<UInt64>]?

  /// A snapshot and its parent. What the snapshot stores itself has changed.
  init(ofSnapshot name: String, options: MapOptions) async throws {
    guard let source = try options.disk(name), case .file(let path) = source.location else {
      throw InputError(name, "this is not a snapshot: give two disks")
    }
    let format = source.format ?? ImageFormat.guess(fromName: path)
    let parent: DiskSource
    var ranges: [Range<UInt64>] = []
    if format == .vmdk {
      let opened = try openDisk(at: path, format: .vmdk, options: options.diskOptions.openOptions)
      defer { opened.disk.close() }
      guard opened.chain.count > 1 else { throw InputError(name, "it has no parent: give two disks") }
      opened.chain[0].forEachOwnRange { ranges.append($0) }
      parent = DiskSource(.file(opened.chain[1].path), format: .vmdk)
    } else if [.qcow2, .qcow, .qed].contains(format) {
      guard options.diskOptions.allowExternal else {
        throw InputError(name, "its backing file is another file: --allow-external lets it be opened")
      }
      let found = try await QemuSnapshot(of: path, format: format)
      (parent, ranges) = (found.parent, found.ownRanges)
    } else {
      throw InputError(name, "\(format.rawValue) images have no parent: give two disks")
    }
    old = State(name: name, loaded: try await options.map(of: parent))
    new = State(name: name, loaded: try await options.map(of: source))
    self.ranges = ranges
  }

  /// Two maps or disks.
  /// - Parameter needsDisks: whether maps alone are not enough.
  init(_ old: String, _ new: String, options: MapOptions, needsDisks: Bool) async throws {
    // Do not map a disk for minutes before saying that the other one is missing.
    for name in [old, new] where needsDisks {
      guard try options.disk(name) != nil else {
        throw InputError(name, "this is a map: give two disks, or --ranges LIST with maps")
      }
    }
    self.old = State(name: old, loaded: try await options.map(old))
    self.new = State(name: new, loaded: try await options.map(new))
  }

  /// Checks that the maps can be compared.
  /// - Parameter disk: the disk to compare, from 1; nil for the only one.
  /// - Throws: `InputError`.
  func check(disk: Int?) throws {
    for state in [old, new] {
      let (map, sizes) = (state.loaded.map, state.loaded.map.sizes)
      guard map.hasOffsets else {
        throw InputError(state.name, "a map in the 2014 format does not say which part of a file a range holds")
      }
      guard disk != nil || sizes.count == 1 else {
        throw InputError(state.name, "a map of \(counted(sizes.count, "disk")): choose one with --disk")
      }
      guard (1...max(1, sizes.count)).contains(disk ?? 1), !sizes.isEmpty else {
        throw InputError(state.name, "a map of \(counted(sizes.count, "disk")), there is no disk \(disk ?? 1)")
      }
    }
    let (before, now) = (old.loaded.map.sizes[(disk ?? 1) - 1], new.loaded.map.sizes[(disk ?? 1) - 1])
    guard before == now else {
      throw InputError(
        new.name, "the disk has \(now) bytes, and had \(before): states of different sizes cannot be compared")
    }
  }

  /// The disks, if both are at hand.
  var disks: [DiskSource]? {
    guard let old = old.loaded.disk, let new = new.loaded.disk else { return nil }
    return [old, new]
  }
}
