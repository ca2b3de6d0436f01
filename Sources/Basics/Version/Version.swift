/// The version of virt-bmap, its plugins and its manual pages. The Makefile reads it from this line.
public let version = "0.1.0"
