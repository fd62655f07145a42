// Package object keeps immutable byte sequences ("objects") under keys, in an S3, Google Cloud Storage or Azure Blob
// bucket, in a folder, or in memory. What the state in a bucket means is told by package remote; here is only how
// bytes get there and back in one piece.
//
// Open returns a Bucket that retries: answers of 5xx and 429, time-outs and broken connections are tried again with
// growing, jittered pauses; what the server refused (4xx) is not. Because a request may have succeeded although its
// answer was lost, a conditional Put that finds its condition violated looks whether the object there has exactly the
// contents it was about to write, and counts that as success (see PutOptions).
//
// The layers, each a Bucket: memory.go, folder.go and cloud.go (gocloud.dev/blob over s3.go, gcs.go, azure.go) talk to
// a store once; retry.go repeats, verifies checksums and counts; prefix.go gives each user of a bucket its own keys;
// faulty.go makes failures for tests.
package object
