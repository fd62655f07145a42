// Package kafka reads one topic as a source relation.
//
// The reader speaks the fetch protocol itself, on a kgo client that does the
// connections: one long-polling request a leader, batches kept as the broker
// sent them, records found in place when they are decoded. That is half the cost
// of records as Go structs, and it shows what a consumer API hides: the offset
// behind a batch, whatever in it was compacted away, aborted or a transaction's
// marker. So every offset below the end can be reached, which cuts rely on.
//
// A record's way: fetcher (fetch.go) → batch (batch.go) → a partition's queue →
// Reader.Take (take.go) → Chunk with spans → Decoder (decoder.go) → columns.
// Metadata, starting offsets, new partitions and lost data: manage.go.
package kafka
