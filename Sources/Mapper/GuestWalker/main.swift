// virt-bmap-walker CHANNEL DIRECTORY METHOD
//
// Runs inside the libguestfs appliance: goes through every directory and file of the filesystem mounted on DIRECTORY, and
// says on the CHANNEL disk what it is about to read, so that virt-bmap can tell which reads of the guest's disks were for
// what. METHOD is "read": everything is read; or a number or "all": where the filesystem says where a file is, that is
// told instead, and so many files, or all, are read as well to prove it.

import Glibc
import WalkRecord

func fail(_ message: String) -> Never {
  let line = Array("virt-bmap-walker: \(message)\n".utf8)
  _ = write(2, line, line.count)
  exit(1)
}

guard CommandLine.arguments.count == 4, let method = WalkMethod(argument: CommandLine.arguments[3]) else {
  fail("usage: virt-bmap-walker CHANNEL DIRECTORY read|all|COUNT")
}
do {
  let channel = try Channel(path: CommandLine.arguments[1])
  let filesystem = try Filesystem(mountedOn: CommandLine.arguments[2], method: method)
  var walk = Walk(filesystem: filesystem, channel: channel, method: method)
  try walk.run()
} catch {
  fail(error.description)
}
