// Package storage holds what outlives a step and what outlives the process. Its folders, each a package:
//
//   - state: resident state tables that operators read and write;
//   - epoch: checkpoints, each one atomic, kept as packed sorted runs in Badger and merged in the background;
//   - object: objects in S3, Google Cloud Storage, Azure, a folder or memory, whole or not at all;
//   - wal: the log of acknowledged changes (DDL and table DML), synced before a client hears success.
//
// epoch and wal share a data directory and meet in one number: an epoch's manifest records the log position up to
// which the log is contained in it, recovery replays the log from there, and the log is cut behind complete epochs.
package storage
