import Glibc
import SystemPackage
import Testing

/// What `make install` installs runs without the source tree, the build directory and a Swift toolchain.
@Suite struct InstallTests {
  @Test func installedProgramsRunAlone() async throws {
    let run = try MapperRun()
    let scratch = run.scratch
    let prefix = scratch("a prefix")
    let environment: [String: String?] = ["BMAP_BUILD": Products.directory.string, "MAKEFLAGS": nil]
    try await tool(
      "make", ["-s", "-C", Products.package, "install", "PREFIX=\(prefix)"], environment: environment)
    let plugin = prefix.appending("lib/nbdkit/plugins/nbdkit-bmaplogger-plugin.so")
    let filter = prefix.appending("lib/nbdkit/filters/nbdkit-bmaplogger-filter.so")
    let pages = [
      "man1/virt-bmap.1", "man1/virt-bmap-lookup.1", "man1/nbdkit-bmaplogger-plugin.1", "man5/bmap.5",
    ].map { prefix.appending("share/man/\($0)") }
    let completions = [
      "bash-completion/completions/virt-bmap", "zsh/site-functions/_virt-bmap",
      "fish/vendor_completions.d/virt-bmap.fish",
    ].map { prefix.appending("share/\($0)") }
    for script in completions {
      let text = try [UInt8](contentsOf: script).text
      #expect(text.contains("max-map-size") && text.contains("lookup"), "\(script)")
    }
    for path in [prefix.appending("bin/virt-bmap"), plugin, filter] + pages {
      #expect(exists(path), "\(path)")
    }
    let staged = scratch("stage")
    try await tool(
      "make", ["-s", "-C", Products.package, "install", "PREFIX=/usr", "DESTDIR=\(staged)"], environment: environment)
    let plugins = try await tool("pkg-config", ["--variable=plugindir", "nbdkit"]).outputLines[0]
    #expect(exists(staged.appending("usr/bin/virt-bmap")))
    #expect(exists(staged.appending("\(plugins.dropFirst())/nbdkit-bmaplogger-plugin.so")))
    let filters = try await tool("pkg-config", ["--variable=filterdir", "nbdkit"]).outputLines[0]
    #expect(exists(staged.appending("\(filters.dropFirst())/nbdkit-bmaplogger-filter.so")))

    let disk = try await SmallDisks(scratch: scratch).withoutTable()
    let swift = FilePath((try await tool("sh", ["-c", "realpath $(command -v swift)"])).outputLines[0])
    let toolchain = swift.removingLastComponent().removingLastComponent().removingLastComponent()
    var hidden = [Products.package, Products.directory]
    if toolchain != "/" { hidden.append(toolchain) }
    // In a mount namespace that hides these directories.
    let script = """
      set -e
      prefix=$1 disk=$2 plugin=$3 filter=$4 work=$5
      shift 5
      for hidden; do [ ! -d "$hidden" ] || mount -t tmpfs none "$hidden"; done
      cd /
      "$prefix/bin/virt-bmap" --machine-readable -o "$work/map" "$disk"
      nbdkit -U - "$plugin" file="$disk" bmap="$work/map" logfile="$work/log" \\
          --run 'qemu-io -r -f raw -c "read 0 32M" "$uri"' >/dev/null
      nbdkit -U - --filter="$filter" file "$disk" bmap="$work/map" logfile="$work/filter.log" \\
          --run 'qemu-io -r -f raw -c "read 0 32M" "$uri"' >/dev/null
      """
    let kept = ["LIBGUESTFS_BACKEND_SETTINGS", "LIBGUESTFS_CACHEDIR", "TMPDIR", "XDG_RUNTIME_DIR", Processes.variable]
    let clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    let pass = kept.map { "\($0)=${\($0)-}" }.map { "\"\($0)\"" }.joined(separator: " ")
    let unshare = geteuid() == 0 ? "unshare -m" : "unshare -r -m"
    let outcome = try await run.execute(
      [
        "sh", "-c", "exec \(clean.joined(separator: " ")) \(pass) \(unshare) sh -c \"$@\"", "sh", script, "sh", prefix,
        disk, plugin, filter, scratch.path,
      ] + hidden.map { $0 as any Word })
    #expect(outcome.end == .exited(0), "\(outcome.errors.text)")
    #expect(outcome.errors.text == "")
    #expect(outcome.output.text.contains("1 filesystems, "))
    let map = try MapText(contentsOf: scratch("map"))
    #expect(!map.lines("f", "/dev/sda", Array("/the file".utf8)).isEmpty)
    let log = try LogText(contentsOf: scratch("log"))
    #expect(log.parts.map(\.joined) == map.attribution(of: [0..<32 << 20]))
    #expect(try LogText(contentsOf: scratch("filter.log")).parts == log.parts)
    try await run.expectNothingLeft()
  }
}
