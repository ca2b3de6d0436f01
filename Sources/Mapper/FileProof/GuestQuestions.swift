import BlockStack
import Bytes
import Glibc
import Guestfs
import SystemPackage

/// Asks the tools in the appliance about single files of the filesystem on /sysroot.
package struct GuestQuestions {
  /// A question about a file.
  package enum Question {
    /// The digest of these parts of the file, which dd(1) reads, or of the whole file (nil), as b2sum(1) computes it.
    case digest(of: DataLayout?)
    /// Where the file has data, as filefrag(8) shows it; see `DataLayout`.
    case layout
    /// The file's extents, as filefrag(8) shows them.
    case extents
    /// The file's data attribute on NTFS, as ntfsinfo(8) shows it.
    case attribute(inode: UInt64)
    /// On NTFS, by the path in the file table: `directory`, or the flags of the data attribute, the size in bytes and
    /// the digest.
    case byTable
    /// The file's size in bytes, its inode, and the digest of so many bytes from its beginning.
    case beginning(bytes: UInt64)
  }

  /// The most files that are asked about at once.
  package static let maximum = 500
  /// How long the answers may take, in seconds, unless much of the disk must be read for them.
  package static let patience = 3600
  private static let script = "/tmp/virt-bmap-questions"
  /// The longest part of a path that is passed to one system call, in bytes.
  private static let longestStep = 2048

  package let appliance: Guestfs

  package init(appliance: Guestfs) {
    self.appliance = appliance
  }

  /// Prints, for each file, a line `= NUMBER` and then the output of the tool, or `! REASON`.
  ///
  /// Most tools get an open file instead of its name. The name then appears in no output, and may be longer than any
  /// system call accepts.
  private static let functions = #"""
    export LC_ALL=C
    device=\#(mountedDevice)
    digest() { echo "= $1"; if e=$( { b2sum <"$2"; } 2>&1 ); then echo "$e"; else echo "! ${e##*: }"; fi; }
    parts() {
      f=$1; shift
      while [ $# -gt 0 ]; do
        dd if="$f" bs=1M iflag=skip_bytes,count_bytes skip=$1 count=$2 status=none || return; shift 2
      done
    }
    digest_parts() {
      echo "= $1"; shift; set -o pipefail
      if e=$(parts "$@" 2>\#(script).error | b2sum); then echo "$e"; else
        e=$(tail -n 1 \#(script).error); echo "! ${e##*: }"
      fi
    }
    layout() {
      echo "= $1"
      if { exec {fd}<"$2"; } 2>/dev/null; then
        filefrag -v -b512 /dev/fd/$fd 2>/dev/null | sed -nE '/unwritten/d
          s/^ *[0-9]+: *([0-9]+)\.\. *([0-9]+):.*/\1 \2/p; s/^.*: [0-9]+ extents? found$/found/p
          ' | head -n \#(DataLayout.maximumExtents)
        exec {fd}<&-
      fi
    }
    attribute() {
      echo "= $1"
      ntfsinfo -f -i $2 "$device" 2>&1 | sed -n '/attribute \$DATA/,/Data size/{/Resident:/p; /Attribute flags:/p; /Data size/q}'
    }
    open=()
    extents() {
      if { exec {fd}<"$2"; } 2>/dev/null; then
        open+=(/dev/fd/$fd); echo "fd $fd $1"
        if [ ${#open[@]} -ge 100 ]; then ask; fi
      fi
    }
    ask() {
      if [ ${#open[@]} -gt 0 ]; then filefrag -v -b512 "${open[@]}" 2>/dev/null; fi
      for f in "${open[@]}"; do fd=${f##*/}; exec {fd}<&-; done
      open=()
    }
    by_table() {
      local i line
      i=$(LC_ALL=C.UTF-8 ntfsinfo -f -F "$2" "$device" 2>/dev/null | sed -n 's/^Dumping Inode \([0-9]*\) .*/\1/p
        /^MFT Record Flags:.*DIRECTORY/s/.*/directory/p
        /^Dumping attribute \$DATA/,/Data size/{
          s/.*Attribute flags:[^0-9]*0x\([0-9a-f]*\).*/\1/p
          s/.*Data size:[^0-9]*\([0-9]*\).*/\1/p
        }')
      echo "= $1"
      case $i in
      *directory*) echo directory ;;
      [0-9]*)
        set -- $i
        line=$(set -o pipefail; ntfscat -f -i $1 "$device" 2>/dev/null | b2sum) && echo "${2:-0} ${3:-0} ${line%% *}"
        ;;
      esac
    }
    begun=()
    beginning() {
      if { exec {fd}<"$2"; } 2>/dev/null; then
        begun+=("$1:$fd"); maximum=$3
        if [ ${#begun[@]} -ge 100 ]; then compare; fi
      fi
    }
    compare() {
      [ ${#begun[@]} -gt 0 ] || return 0
      local f i paths=() small=()
      for f in "${begun[@]}"; do paths+=(/dev/fd/${f#*:}); done
      mapfile -t facts < <(stat -L -c '%s %i' "${paths[@]}")
      for i in "${!begun[@]}"; do
        if [ "${facts[i]% *}" -le $maximum ]; then small+=("${paths[i]}"); fi
      done
      declare -A sums=()
      while read -r sum f; do sums[$f]=$sum; done < <([ ${#small[@]} -eq 0 ] || b2sum -- "${small[@]}" 2>/dev/null)
      for i in "${!begun[@]}"; do
        f=${paths[i]} fd=${f##*/}
        if [ "${facts[i]% *}" -gt $maximum ]; then
          sums[$f]=$(set -o pipefail; head -c $maximum <"$f" | b2sum) || sums[$f]=-
          sums[$f]=${sums[$f]%% *}
        fi
        echo "= ${begun[i]%:*}"
        echo "${facts[i]} ${sums[$f]:--}"
        exec {fd}<&-
      done
      begun=()
    }
    cd /sysroot || exit 1

    """#

  /// - Parameter limit: how long `maximum` of the files may take, in seconds.
  /// - Returns: the lines of the answer for each file; empty if the tool gave none.
  package func ask(_ files: [(question: Question, path: [UInt8])], limit: Int = patience) throws -> [[Substring]] {
    try stride(from: 0, to: files.count, by: Self.maximum).flatMap { start in
      try askTogether(files[start..<min(files.count, start + Self.maximum)], limit: limit)
    }
  }

  private func askTogether(
    _ files: ArraySlice<(question: Question, path: [UInt8])>, limit: Int
  ) throws -> [[Substring]] {
    var script = Self.functions
    for (number, file) in files.enumerated() {
      script += Self.line(file.question, number: number, path: file.path)
    }
    try appliance.upload(text: script + "ask\ncompare\n", name: Self.script)
    let answer = String(decoding: try appliance.longShell("bash \(Self.script)", limit: limit), as: UTF8.self)
    var answers = [[Substring]](repeating: [], count: files.count)
    Self.forEachAnswer(in: answer) { number, lines in
      if answers.indices.contains(number) { answers[number] = lines }
    }
    return answers
  }

  private static func line(_ question: Question, number: Int, path: [UInt8]) -> String {
    let (steps, name) = steps(of: path)
    let command: String
    switch question {
    case .digest(nil): command = "digest \(number) \(quoted(name))\n"
    case .digest(let layout?):
      command =
        "digest_parts \(number) \(quoted(name))"
        + layout.parts.map { " \($0.lowerBound) \($0.upperBound - $0.lowerBound)" }.joined() + "\n"
    case .layout: command = "layout \(number) \(quoted(name))\n"
    case .extents: command = "extents \(number) \(quoted(name))\n"
    case .beginning(let bytes): command = "beginning \(number) \(quoted(name)) \(bytes)\n"
    case .byTable: return "by_table \(number) \(quoted(path))\n"
    case .attribute(let inode): return "attribute \(number) \(inode)\n"
    }
    guard !steps.isEmpty else { return command }
    return steps.map { "cd \(quoted($0)) && " }.joined() + command + "cd /sysroot\n"
  }

  /// Splits a path from the root into directories to change to, one after the other, and a name in the last one.
  private static func steps(of path: [UInt8]) -> (directories: [[UInt8]], name: [UInt8]) {
    var directories: [[UInt8]] = []
    var step: [UInt8] = [0x2e]
    for part in path.split(separator: 0x2f) {
      if step.count + part.count > longestStep {
        directories.append(step)
        step = [0x2e]
      }
      step += [0x2f] + part
    }
    return (directories, step)
  }

  /// Quotes any bytes as a word for bash, in ASCII.
  private static func quoted(_ bytes: [UInt8]) -> String {
    var word = "$'"
    for byte in bytes {
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2e, 0x2f, 0x2d, 0x5f: word.unicodeScalars.append(.init(byte))
      default:
        let digits = String(byte, radix: 8)
        word += "\\" + String(repeating: "0", count: 3 - digits.count) + digits
      }
    }
    return word + "'"
  }

  /// Calls `body` with each number and the lines that follow it.
  package static func forEachAnswer(in text: String, _ body: (Int, [Substring]) throws -> Void) rethrows {
    var numbers: [Substring: Int] = [:]
    var current: (number: Int, lines: [Substring])?
    func finish() throws {
      if let current { try body(current.number, current.lines) }
      current = nil
    }
    for line in text.lines {
      let fields = line.fields
      if fields.first == "fd", fields.count == 3 {
        try finish()
        numbers[fields[1]] = Int(fields[2])
      } else if fields.first == "=", fields.count == 2, let number = Int(fields[1]) {
        try finish()
        current = (number, [])
      } else if line.hasPrefix("File size of /dev/fd/") {
        try finish()
        let descriptor = line.dropFirst("File size of /dev/fd/".count).prefix { $0.isNumber }
        if let number = numbers[descriptor] { current = (number, []) }
      } else {
        current?.lines.append(line)
      }
    }
    try finish()
  }
}
