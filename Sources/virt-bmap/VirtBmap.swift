import ArgumentParser

@main
struct VirtBmap: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "virt-bmap")
}
