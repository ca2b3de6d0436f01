import ArgumentParser
import DiskImage

/// How a disk is to be opened, the same for every command that opens one.
struct DiskOptions: ParsableArguments {
  @Flag(help: "Let an image name other files; a VMDK may name those in its own directory without this.")
  var allowExternal = false

  @Flag(
    name: .customLong("ignore-cid"),
    help: "Read a snapshot although its parent was changed after it was taken.")
  var ignoreCID = false

  @Flag(help: "Read an seSparse disk although its journal was not replayed.")
  var ignoreJournal = false

  var openOptions: OpenOptions {
    var options = OpenOptions()
    options.allowsExternal = allowExternal
    options.ignoresCID = ignoreCID
    options.ignoresJournal = ignoreJournal
    return options
  }
}
