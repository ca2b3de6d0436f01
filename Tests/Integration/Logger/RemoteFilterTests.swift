import SystemPackage
import Testing

/// The logger as a filter on top of a plugin that fetches the disk from a server.
@Suite struct RemoteFilterTests {
  private static let map = """
    # virt-bmap 2
    # disk 1 size=400000 format=raw file=disk
    1 0 400000 v /dev/sda
    1 600 3ffe00 p /dev/sda1
    1 100000 180000 f /dev/sda1 /a

    """

  /// Makes an image and serves it, compressed, with a self-signed certificate, on a free port.
  private static let serve = """
    set -e
    mkdir served
    qemu-io -f raw -c 'write -P 7 1M 64k' disk >written
    xz -c --block-size=262144 disk >served/disk.xz
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout key -out certificate 2>openssl
    cat key certificate >both
    socat -d -d OPENSSL-LISTEN:0,bind=127.0.0.1,fork,cert=both,verify=0 EXEC:'busybox httpd -i -h served' 2>socat &
    server=$!
    trap 'kill $server' EXIT
    while ! port=$(sed -n 's/.*listening on .*:\\([0-9]\\{1,\\}\\)$/\\1/p' socat | grep .); do sleep 0.05; done

    """

  /// The log has offsets on the disk, not in the compressed file.
  @Test func aCompressedImageOverHTTPS() async throws {
    let scratch = try Scratch()
    try scratch.makeHole("disk", size: 4 << 20)
    try scratch.write(Self.map, to: "map")
    let script =
      Self.serve + """
        nbdkit -U - --filter="$1" --filter=xz curl "https://localhost:$port/disk.xz" cainfo=certificate \
            bmap=map logfile=log logformat=json \
            --run 'qemu-io -r -f raw -c "read -P 7 1M 8k" "$uri" && nbdcopy "$uri" copy && cmp copy disk'
        """
    let outcome = try await run("sh", ["-c", script, "sh", try Products.loggerFilter], in: scratch.path)
    #expect(outcome.end == .exited(0), "\(outcome.output.text)\(outcome.errors.text)")
    #expect(!outcome.output.text.contains("failed"), "\(outcome.output.text)")
    let requests = try LogJSON(contentsOf: scratch("log")).requests.filter { $0.op == "read" }
    #expect(requests.contains { $0.offset == 1 << 20 && $0.length == 8 << 10 })
    #expect(requests.filter { $0.pieces.first?.objects.first?.path == "/a" }.reduce(0) { $0 + $1.length } >= 512 << 10)
    // The whole disk was copied.
    #expect(requests.reduce(0) { $0 + $1.length } >= 4 << 20)
  }
}
