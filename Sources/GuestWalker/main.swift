// virt-bmap-walker CHANNEL DIRECTORY
//
// Runs inside the libguestfs appliance: reads every directory and file of the filesystem mounted on DIRECTORY, and says
// on the CHANNEL disk what it is about to read, so that virt-bmap can tell which reads of the guest's disks were for
// what.

import Glibc

func fail(_ message: String) -> Never {
  let line = Array("virt-bmap-walker: \(message)\n".utf8)
  _ = write(2, line, line.count)
  exit(1)
}

guard CommandLine.arguments.count == 3 else { fail("usage: virt-bmap-walker CHANNEL DIRECTORY") }
do {
  let channel = try Channel(path: CommandLine.arguments[1])
  let filesystem = try Filesystem(mountedOn: CommandLine.arguments[2])
  var walk = Walk(filesystem: filesystem, channel: channel)
  try walk.run()
} catch {
  fail(error.description)
}
