import ArgumentParser
import BlockMap
import DiskImage
import NBDSource
import SystemPackage

/// `virt-bmap info DISK`: says what kind of image a disk is, and in which state.
struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap info",
    abstract: "Show what kind of image a disk is, its files, its snapshots and its state.",
    discussion: """
      Lines of KEY: VALUE, those of the chain of snapshots and of the extents indented. Names that are not printable \
      text have bytes written \\ooo, three octal digits, as in the map. All tables of the image are read, its data is not.

      Exit status: 0 if the disk could be opened, 1 if not. What is damaged or odd is shown in lines "warning: ...".
      """)

  @Argument(help: "The disk image, raw or VMDK.", completion: .file())
  var disk: String

  @Option(
    name: .shortAndLong,
    help: "The disk's format, raw or vmdk. By default vmdk if its name ends in .vmdk, raw otherwise.")
  var format: DiskFormat?

  @OptionGroup var diskOptions: DiskOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let name = ArgumentBytes.decode(disk)
    guard NBDAddress(name) == nil else {
      throw InfoError("\(Escaping.text(name, as: .path)): info is about files of disk images, not about servers")
    }
    let opened = try openDisk(at: filePath(disk), format: format, options: diskOptions.openOptions)
    defer { opened.disk.close() }
    let bar = SurveyProgress()
    let information = try DiskInformation(of: opened, progress: bar.show)
    bar.finish()
    do {
      let answer = json ? try information.json : Messages.printable(answer: Array(information.text.utf8))
      _ = try FileDescriptor.standardOutput.writeAll(answer)
    } catch let error as Errno {
      throw InfoError("standard output: \(error)")
    }
  }
}

extension DiskFormat: ExpressibleByArgument {}

/// Why nothing can be said of a disk that could be opened.
struct InfoError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
