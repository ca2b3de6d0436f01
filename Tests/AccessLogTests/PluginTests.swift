import Foundation
import Glibc
import Testing

/// The plugin in a real nbdkit, with real clients.
struct PluginTests {
  private static let plugin = Bundle.main.bundleURL.appendingPathComponent("libnbdkit-bmaplogger-plugin.so").path

  /// A 64 MiB disk and a map of it.
  private static let setup = """
    set -e
    truncate -s 64M disk.img
    printf '# virt-bmap 2\\n# disk 1 size=4000000 format=raw file=disk.img\\n' > map
    printf '1 0 4000000 v /dev/sda\\n1 1000 3000 f /dev/sda1 /boot/vmlinuz\\n' >> map
    set +e

    """

  /// Runs a shell script in a temporary directory, with the plugin's path in `$P`. Returns its stdout and stderr.
  private func shell(_ script: String) throws -> String {
    var name = Array("/tmp/logger-test-XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { throw POSIXError(.EIO) }
    let directory = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let text = "exec 2>&1; cd '\(directory)'; P='\(Self.plugin)'\n" + Self.setup + script
    guard let pipe = popen(text, "r") else { throw POSIXError(.EIO) }
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = fread(&buffer, 1, buffer.count, pipe)
      if count == 0 { break }
      output.append(contentsOf: buffer[..<count])
    }
    pclose(pipe)
    return String(decoding: output, as: UTF8.self).replacingOccurrences(of: directory, with: "DIR")
  }

  @Test func logsWhatAClientReads() throws {
    let output = try shell(
      """
      nbdkit -U - $P disk.img bmap=map --run 'qemu-io -r -f raw -c "read 0 8k" -c "read 8k 8k" "$uri" > /dev/null'
      """)
    #expect(
      output == """
        read v /dev/sda
         0-1000
        read f /dev/sda1 /boot/vmlinuz
         1000-2000 2000-3000
        read v /dev/sda
         3000-4000

        """)
  }

  @Test func takesTheMapInTheCurrentDirectory() throws {
    let output = try shell(
      """
      mv map bmap; nbdkit -U - $P disk.img --run 'qemu-io -r -f raw -c "read 4k 4k" "$uri" > /dev/null'
      """)
    #expect(output == "read f /dev/sda1 /boot/vmlinuz\n 1000-2000\n")
  }

  @Test func logsWithoutAMapOnRequest() throws {
    let output = try shell(
      """
      nbdkit -U - $P disk.img bmap=none --run 'qemu-io -r -f raw -c "read 4k 4k" "$uri" > /dev/null'
      """)
    #expect(output == "read -\n 1000-2000\n")
  }

  /// In the background, the working directory changes and standard output is closed.
  @Test func servesFromTheBackgroundByRelativeNames() throws {
    let output = try shell(
      """
      echo of an earlier run > log
      nbdkit -U socket -P pid $P file=disk.img bmap=map logfile=log
      echo "started $?"
      qemu-io -r -f raw -c "read 4k 4k" "nbd+unix:///?socket=socket" > /dev/null
      for i in $(seq 50); do grep -q 1000-2000 log && break; sleep 0.1; done
      echo "while it runs"; cat log
      qemu-io -r -f raw -c "read 8k 512" "nbd+unix:///?socket=socket" > /dev/null
      kill $(cat pid); while kill -0 $(cat pid) 2>/dev/null; do sleep 0.05; done
      echo "in the end"; cat log
      """)
    #expect(
      output == """
        started 0
        while it runs
        read f /dev/sda1 /boot/vmlinuz
         1000-2000
        in the end
        read f /dev/sda1 /boot/vmlinuz
         1000-2000
         2000-2200

        """)
  }

  @Test func logsOnlyWhatIsAskedFor() throws {
    let output = try shell(
      """
      printf '1 3000 4000 f /dev/sda1 /boot/initrd\\n1 4000 5000 d /dev/sda1 /boot\\n' >> map
      for p in filter=d filter=f,v only='/*/vm*' 'only=/boot*' only=none; do
        echo "$p"; nbdkit -U - $P disk.img bmap=map offsets=true "$p" \
          --run 'qemu-io -r -f raw -c "read 0 32k" -c "read 6k 1k" "$uri" > /dev/null'
      done
      """)
    #expect(
      output == """
        filter=d
        read d /dev/sda1 /boot
         4000-5000 +0
        filter=f,v
        read v /dev/sda
         0-1000 +0
        read f /dev/sda1 /boot/vmlinuz
         1000-3000 +0
        read f /dev/sda1 /boot/initrd
         3000-4000 +0
        read v /dev/sda
         5000-8000 +5000
        read f /dev/sda1 /boot/vmlinuz
         1800-1c00 +800
        only=/*/vm*
        read f /dev/sda1 /boot/vmlinuz
         1000-3000 +0 1800-1c00 +800
        only=/boot*
        read f /dev/sda1 /boot/vmlinuz
         1000-3000 +0
        read f /dev/sda1 /boot/initrd
         3000-4000 +0
        read d /dev/sda1 /boot
         4000-5000 +0
        read f /dev/sda1 /boot/vmlinuz
         1800-1c00 +800
        only=none

        """)
  }

  @Test func jsonSaysWhatJqCanRead() throws {
    let output = try shell(
      """
      printf '# Disk DescriptorFile\\nversion=1\\nCID=fffffffe\\nparentCID=ffffffff\\n' > disk.vmdk
      printf 'createType="custom"\\nRW 32 FLAT "disk.img" 0\\nNOACCESS 131040 ZERO\\n' >> disk.vmdk
      nbdkit -U - $P disk.vmdk bmap=map logformat=json logfile=log --run '
        PATH=/usr/bin:$PATH
        nbdsh -u "$uri" -c "h.pread(4096, 2048)" -c "h.cache(512, 0)"
        nbdsh -u "$uri" -c "h.pread(512, 16384)" 2> /dev/null'
      jq -c '[.op, .connection, .disk, .offset, .length, .result]' log
      jq -c '.pieces[] | [.offset, .length, (.objects[] | .kind, .device, .path, .offset)]' log
      jq -s -c '[(map(.time) | sort == .), (map(.latency > 0 and .latency < 1e7) | all), (.[0].time > 1)]' log
      nbdkit -U - $P disk.vmdk bmap=map logfile=log \
        --run 'PATH=/usr/bin:$PATH; nbdsh -u "$uri" -c "h.pread(512, 16384)" 2> /dev/null'
      cat log
      """)
    let lines = output.split(separator: "\n").filter { !$0.contains("error:") }
    #expect(
      lines == [
        #"["read",1,1,2048,4096,"ok"]"#, #"["cache",1,1,0,512,"ok"]"#, #"["read",2,1,16384,512,"EPERM"]"#,
        #"[2048,2048,"v","/dev/sda",null,2048]"#,
        #"[4096,2048,"f","/dev/sda1","/boot/vmlinuz",0,"v","/dev/sda",null,4096]"#,
        #"[0,512,"v","/dev/sda",null,0]"#, #"[16384,512,"v","/dev/sda",null,16384]"#, "[true,true,true]",
        "read v /dev/sda", " 4000-4200", "# read 4000-4200 failed: Operation not permitted",
      ])
  }

  @Test func takesWritesIntoAnOverlay() throws {
    let output = try shell(
      """
      dd if=/dev/urandom of=disk.img bs=1M count=64 conv=notrunc status=none; before=$(sha256sum < disk.img)
      cat > script <<'END'
      h.pwrite(b"x" * 512, 0x1200); h.flush(); h.zero(4096, 0x20000); h.trim(65536, 0x30000)
      h.pwrite(b"y" * 100000, 0x40000, nbd.CMD_FLAG_FUA)
      print(h.can_zero(), h.can_trim(), h.can_fua(), h.can_multi_conn(), h.can_cache(), h.is_read_only())
      END
      cat > check <<'END'
      print(h.pread(512, 0x1200) == b"x" * 512, h.pread(4096, 0x20000) == bytes(4096), h.pread(9, 0x30000) == bytes(9),
            h.pread(100000, 0x40000) == b"y" * 100000)
      disk = open("disk.img", "rb").read()
      print(h.pread(0x1200, 0) == disk[:0x1200], h.pread(0x20000 - 0x1400, 0x1400) == disk[0x1400:0x20000])
      END
      PATH=/usr/bin:$PATH
      for overlay in temp kept kept; do
        echo $overlay
        nbdkit -U - $P disk.img bmap=map overlay=$overlay logfile=log.$overlay --run 'nbdsh -u "$uri" -c "$(cat script)" -c "$(cat check)"'
      done
      nbdkit -U - $P disk.img bmap=map overlay=kept logfile=log --run 'nbdsh -u "$uri" -c "$(cat check)"'
      nbdkit -U - -r $P disk.img bmap=map overlay=temp logfile=log.r --run 'nbdinfo --is read-only "$uri" && echo no'
      test "$before" = "$(sha256sum < disk.img)" && echo unharmed
      head -n 4 log.temp; grep -c '^flush -$' log.temp; grep -o ' stale' log.temp | wc -l
      cp map other; printf zzzzzzzz | dd of=disk.img conv=notrunc status=none
      nbdkit -U - $P disk.img bmap=map overlay=kept --run true; echo $?
      nbdkit -U - $P disk.img bmap=map overlay=map --run true; cmp map other
      nbdkit -U - $P disk.img bmap=map overlay=o.vmdk --run true
      nbdkit -U - $P disk.img bmap=map overlay=new logfile=new --run true; ls
      """)
    let lines = output.split(separator: "\n").map(String.init)
    let yes = "True True True True True False"
    let same = ["True True True True", "True True"]
    #expect(Array(lines.prefix(12)) == ["temp", yes] + same + ["kept", yes] + same + ["kept", yes] + same)
    #expect(Array(lines.dropFirst(12).prefix(4)) == same + ["no", "unharmed"])
    #expect(
      Array(lines.dropFirst(16).prefix(4)) == [
        "write f /dev/sda1 /boot/vmlinuz", " 1200-1400", "flush -", "zero v /dev/sda",
      ])
    #expect(lines[20] == "1" && (Int(lines[21]) ?? 0) >= 3)
    #expect(lines[22].hasSuffix("DIR/kept: this is an overlay of another disk, or the disk was changed under it"))
    #expect(lines[23] == "1")
    #expect(lines[24].hasSuffix("DIR/map: this is not an overlay of virt-bmap's"))
    #expect(lines[25].hasSuffix("or the overlay a name that does not end in .vmdk"))
    #expect(lines[26].hasSuffix("DIR/new: the log would overwrite DIR/new"))
    #expect(
      Array(lines.dropFirst(27)) == [
        "check", "disk.img", "kept", "log", "log.kept", "log.r", "log.temp", "map", "new", "other", "script",
      ])
  }

  /// The server is killed with SIGKILL.
  @Test func aKeptOverlayOutlivesTheServer() throws {
    let output = try shell(
      """
      PATH=/usr/bin:$PATH
      nbdkit -U socket -P pid $P disk.img bmap=none overlay=kept logfile=log
      nbdsh -u "nbd+unix:///?socket=socket" -c 'h.pwrite(b"x" * 512, 0x1200)' -c 'h.flush()' -c 'h.pwrite(b"z" * 9, 70000)'
      kill -9 $(cat pid); while kill -0 $(cat pid) 2>/dev/null; do sleep 0.05; done
      echo 'print(h.pread(512, 0x1200) == b"x" * 512, h.pread(9, 70000) in (bytes(9), b"z" * 9))' > check
      nbdkit -U - $P disk.img bmap=none overlay=kept logfile=log --run 'nbdsh -u "$uri" -c "$(cat check)"'
      """)
    #expect(output == "True True\n")
  }

  @Test func aRenamedLogIsFollowedByANewOne() throws {
    let output = try shell(
      """
      nbdkit -U - $P disk.img bmap=map logfile=log --run '
        qemu-io -r -f raw -c "read 4k 4k" "$uri" > /dev/null; sleep 0.3; mv log log.1
        qemu-io -r -f raw -c "read 8k 4k" "$uri" > /dev/null; sleep 0.3; mv log log.2; echo other > log
        qemu-io -r -f raw -c "read 6k 1k" "$uri" > /dev/null; sleep 0.3; mv log log.3; ln map log
        qemu-io -r -f raw -c "read 7k 1k" "$uri" > /dev/null; sleep 0.3; cmp map log && rm log'
      for log in log.1 log.2 log.3; do echo $log; cat $log; done
      ls
      """)
    #expect(
      output == """
        nbdkit: error: the log was renamed, and goes on there: DIR/log: the log would overwrite DIR/map
        log.1
        read f /dev/sda1 /boot/vmlinuz
         1000-2000
        log.2
        read f /dev/sda1 /boot/vmlinuz
         2000-3000
        log.3
        other
        read f /dev/sda1 /boot/vmlinuz
         1800-1c00
         1c00-2000
        disk.img
        log.1
        log.2
        log.3
        map

        """)
  }

  /// Many requests in parallel over several connections: each range that was copied is in the log exactly once.
  @Test func missesNothingOfParallelClients() throws {
    let output = try shell(
      """
      dd if=/dev/urandom of=disk.img bs=1M count=64 conv=notrunc status=none
      nbdkit -U - $P disk.img bmap=none logfile=log --run 'nbdcopy --no-extents --request-size=32768 "$uri" copy'
      cmp disk.img copy && echo same
      grep '^ ' log | tr ' ' '\\n' | grep -c .
      grep '^ ' log | tr ' ' '\\n' | grep . | sort -u | wc -l
      """)
    #expect(output == "same\n2048\n2048\n")
  }

  @Test func tellsClientsAboutHoles() throws {
    let output = try shell(
      """
      printf x | dd of=disk.img bs=64K seek=1 conv=notrunc status=none
      nbdkit -U - $P disk.img bmap=none logfile=log --run 'nbdinfo --map --totals "$uri" | sed "s/ *[0-9.]*% */ /"'
      nbdkit -U - $P disk.img bmap=none logfile=log --run 'nbdinfo --can multi-conn "$uri" && nbdinfo --is read-only "$uri"'
      echo $?
      """)
    #expect(output.contains("hole,zero"))
    #expect(output.contains("data"))
    #expect(output.hasSuffix("\n0\n"))
  }

  /// Wrong command lines and their error messages. None of them may serve the disk or leave a log file.
  static let wrong = [
    ("", "give the disk to serve: file=DISK"),
    ("no.img bmap=map", "DIR/no.img: cannot open: No such file or directory"),
    ("disk.img", "there is no file \"bmap\" in the current directory: give the block map with bmap=MAP, or bmap=none"),
    ("disk.img bmap=no", "DIR/no: No such file or directory"),
    ("disk.img bmap=.", "DIR/.: cannot read: Is a directory"),
    ("disk.img bmap=wrong", "DIR/wrong: line 1: not a block map: DISK is not a number from 1 to 255"),
    ("disk.img bmap=bad", "DIR/bad: line 4: END is not above START"),
    (
      "disk.img bmap=other",
      "DIR/other: the map is of a disk of 134217728 bytes, but DIR/disk.img has 67108864 bytes"
    ),
    ("disk.img bmap=map format=qcow2", "format=qcow2: give raw or vmdk"),
    (
      "disk.img bmap=map size=5",
      "unknown parameter size: there are file, bmap, format, logfile, logformat, offsets, filter, only, overlay, "
        + "allow-external, ignore-cid and ignore-journal"
    ),
    ("disk.img bmap=map ignore-cid=maybe", "ignore-cid=maybe: give true or false"),
    ("disk.img bmap=map file=disk.img", "DIR/disk.img: this disk is given twice"),
    ("disk.img bmap=map bmap=map", "bmap= is given twice"),
    ("disk.img bmap=map logformat=xml", "logformat=xml: give text or json"),
    (
      "disk.img bmap=map filter=f,file",
      "filter=f,file: give kinds with commas between them, of v, p, l, d, f, m, s, b, r"
    ),
    ("disk.img bmap=map filter=", "filter=: give kinds with commas between them, of v, p, l, d, f, m, s, b, r"),
    ("disk.img bmap=map only=", "only=: give a pattern of paths"),
    ("disk.img bmap=none only=/etc", "filter= and only= need a block map, and there is none"),
    ("disk.img bmap=old offsets=true", "offsets=true: this map does not say where in a file its ranges are"),
    ("disk.img bmap=map logfile=no/log", "DIR/no/log: cannot write the log: No such file or directory"),
    ("disk.img bmap=map logfile=disk.img", "DIR/disk.img: the log would overwrite DIR/disk.img"),
    ("disk.img bmap=map logfile=link", "DIR/link: the log would overwrite DIR/map"),
  ]

  @Test func saysWhyItDoesNotStart() throws {
    let commands = Self.wrong.map { "nbdkit -U - $P \($0.0) --run 'echo it serves'; echo \"status $?\"" }
    let output = try shell(
      """
      echo wrong > wrong; sed 's/4000000/8000000/g' map > other; sed 's/1000 3000/3000 1000/' map > bad; ln map link
      printf '1 0 1000 v /dev/sda\\n' > old
      before=$(cat map; ls)
      \(commands.joined(separator: "\n"))
      test "$before" = "$(cat map; ls)" && test $(stat -c %s disk.img) = 67108864 && echo unharmed
      """)
    var lines = output.split(separator: "\n").map(String.init)
    #expect(lines.popLast() == "unharmed")
    // After a missing or unknown parameter, nbdkit adds a hint of its own.
    let messages = lines.filter { $0.contains(": error: ") }
    #expect(messages.count == Self.wrong.count)
    for (message, (command, expected)) in zip(messages, Self.wrong) {
      #expect(message.hasSuffix(": error: \(expected)") || message.contains(": error: \(expected)"), "\(command)")
    }
    #expect(lines.filter { $0.hasPrefix("status") } == Self.wrong.map { _ in "status 1" })
    #expect(!output.contains("it serves"))
  }

  @Test func keepsTheLogOffTheClientsConnection() throws {
    let output = try shell("nbdkit -s $P disk.img bmap=map < /dev/null | cat")
    #expect(output.contains("standard output is the client's connection: say where the log goes with logfile=FILE"))
  }

  @Test func aFullDiskOrALostReaderDoesNotStopTheGuest() throws {
    let full = try shell(
      """
      nbdkit -U - $P disk.img bmap=map logfile=/dev/full --run 'nbdcopy --no-extents "$uri" copy && echo copied'
      cmp disk.img copy && echo same
      """)
    #expect(full.contains("copied\n"))
    #expect(full.hasSuffix("same\n"))
    #expect(full.contains("cannot write the log, requests go on unlogged: No space left on device"))
    let gone = try shell(
      """
      nbdkit -U - $P disk.img bmap=map --run 'sleep 0.3; nbdcopy --no-extents "$uri" copy; echo "copied $?" >&2' | true
      """)
    #expect(gone.contains("copied 0\n"))
    #expect(gone.contains("Broken pipe"))
  }
}
