import ArgumentParser
import BlockMap
import DiskImage
import NBDSource
import SystemPackage

/// `virt-bmap info DISK`: shows the format and the state of a disk image.
struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "virt-bmap info",
    abstract: "Show the format, the files and the state of a disk image.",
    discussion: """
      The output is lines of the form KEY: VALUE. Lines for the chain of snapshots and for the extents are indented. \
      Bytes of names that are not printable are written \\ooo, three octal digits, as in the map. virt-bmap reads all \
      tables of the image, but not its data.

      Exit status: 0 if the disk could be opened, 1 on errors. Damage is reported in lines "warning: ...".
      """)

  @Argument(help: "Disk image, raw or VMDK.", completion: .file())
  var disk: String

  @Option(
    name: .shortAndLong,
    help: "Format of the disk, raw or vmdk. The default is vmdk if the name ends in .vmdk, otherwise raw.")
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

/// Why nothing can be said about a disk that was opened successfully.
struct InfoError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
