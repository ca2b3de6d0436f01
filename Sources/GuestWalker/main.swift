// virt-bmap-walker CHANNEL DEVICE DIRECTORY
//
// Runs inside the libguestfs appliance: reads every directory and file of the filesystem on DEVICE, mounted on
// DIRECTORY, and says on the CHANNEL disk what it is about to read, so that virt-bmap can tell which reads of the
// guest's disks were for what.

import Glibc

func fail(_ message: String) -> Never {
  let line = Array("virt-bmap-walker: \(message)\n".utf8)
  _ = write(2, line, line.count)
  exit(1)
}

guard CommandLine.arguments.count == 4 else { fail("usage: virt-bmap-walker CHANNEL DEVICE DIRECTORY") }
do {
  let channel = try Channel(path: CommandLine.arguments[1])
  let filesystem = try Filesystem(device: CommandLine.arguments[2], directory: CommandLine.arguments[3])
  var walk = Walk(filesystem: filesystem, channel: channel)
  try walk.run()
} catch {
  fail(error.description)
}
