import ArgumentParser
import DiskImage

/// How to open a disk; the same for every command that opens one.
struct DiskOptions: ParsableArguments {
  @Flag(help: "Allow an image to name other files. A VMDK may always name files in its own directory.")
  var allowExternal = false

  @Flag(
    name: .customLong("ignore-cid"),
    help: "Read a snapshot even if its parent has changed since it was taken.")
  var ignoreCID = false

  @Flag(help: "Read an seSparse disk even if its journal has not been replayed.")
  var ignoreJournal = false

  var openOptions: OpenOptions {
    var options = OpenOptions()
    options.allowsExternal = allowExternal
    options.ignoresCID = ignoreCID
    options.ignoresJournal = ignoreJournal
    return options
  }
}
