/// A descriptor with the fields that link a snapshot to its parent.
struct DescriptorWriter {
  var createType: String
  var extents: [String]
  var cid = "12345678"
  var parentCID = "ffffffff"
  var parent: String?

  var text: String {
    let hint = parent.map { ["parentFileNameHint=\"\($0)\""] } ?? []
    let head = ["# Disk DescriptorFile", "version=1", "CID=\(cid)", "parentCID=\(parentCID)"]
    let tail = ["", "# The Disk Data Base", "#DDB", "", "ddb.adapterType = \"lsilogic\""]
    return
      (head + ["createType=\"\(createType)\""] + hint + ["", "# Extent description"] + extents + tail + [""])
      .joined(separator: "\n")
  }
}
