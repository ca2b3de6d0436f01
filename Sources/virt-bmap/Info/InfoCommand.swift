import ArgumentParser
import DiskImage
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

  @OptionGroup var diskOptions: DiskOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let opened = try openDisk(at: filePath(disk), format: diskOptions.format, options: diskOptions.openOptions)
    defer { opened.disk.close() }
    let bar = SurveyProgress()
    let information = try DiskInformation(of: opened, progress: bar.show)
    bar.finish()
    do {
      _ = try FileDescriptor.standardOutput.writeAll(json ? try information.json : Array(information.text.utf8))
    } catch let error as Errno {
      throw InfoError("standard output: \(error)")
    }
  }
}

/// Why nothing can be said of a disk that could be opened.
struct InfoError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
