// Package seal encrypts what the storage writes.
//
// A Keyring holds data keys (AES-256). One of them is current and seals what is written; the others are kept for what
// they sealed earlier. On disk a data key exists only as a master key of a key management service has wrapped it, in
// keyring.json beside the data, at the bucket's prefix and in every savepoint.
//
// A sealed thing is a box:
//
//	key id u64 BE | nonce, 24 bytes | ciphertext | tag, 16 bytes
//
// The cipher is XAES-256-GCM (C2SP specification): every box has a key of its own, derived from the data key and half
// of a random nonce of 192 bits, under which AES-256-GCM seals it with the other half. Nonces therefore never run out
// (2^80 boxes under a data key leave a chance of 2^-32 that two have one nonce), and there is no counter that a crash or
// a restored copy of a disk could set back. Additional data binds a box to its place, so that a box that was moved or
// exchanged for another one does not open. What is not detected is a whole directory being replaced by an older copy of
// itself.
package seal
