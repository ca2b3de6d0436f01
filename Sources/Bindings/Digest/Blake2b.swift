import CCrypto

/// Computes the BLAKE2b-512 digest of some bytes (RFC 7693), as b2sum(1) prints it, with OpenSSL.
public struct Blake2b: ~Copyable {
  /// The size of a digest in bytes.
  public static let size = 64

  private let context: OpaquePointer

  public init() throws(DigestError) {
    guard let context = EVP_MD_CTX_new() else { throw DigestError("BLAKE2b-512") }
    guard EVP_DigestInit_ex(context, EVP_blake2b512(), nil) == 1 else {
      EVP_MD_CTX_free(context)
      throw DigestError("BLAKE2b-512")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Adds more bytes to the digest.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) throws(DigestError) {
    guard EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1 else { throw DigestError("BLAKE2b-512") }
  }

  /// Returns the digest of all bytes so far. Nothing may be added after this.
  public mutating func finish() throws(DigestError) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Self.size)
    guard EVP_DigestFinal_ex(context, &digest, nil) == 1 else { throw DigestError("BLAKE2b-512") }
    return digest
  }
}

/// OpenSSL cannot compute the digest: it is out of memory, or was built without it.
public struct DigestError: Error, CustomStringConvertible {
  public let description: String

  init(_ digest: String) { description = "OpenSSL cannot compute \(digest)" }
}
