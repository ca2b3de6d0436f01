// virt-bmap-walker runs inside the libguestfs appliance. Its code is in the module GuestWalker.

import Glibc
import GuestWalker

func fail(_ message: String) -> Never {
  let line = Array("virt-bmap-walker: \(message)\n".utf8)
  _ = write(2, line, line.count)
  exit(1)
}

guard let command = WalkCommand(arguments: CommandLine.arguments.dropFirst()) else { fail(WalkCommand.usage) }
do {
  try command.run()
} catch {
  fail(error.description)
}
