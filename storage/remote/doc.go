// Package remote keeps the state in a bucket, so that a machine whose disk is gone goes on from the bucket alone. The
// local directory is a working copy: the same epoch store and log of changes as without a bucket.
//
// What lies under the prefix of the bucket:
//
//	format.json                      version of this layout and the store's id, written once
//	owner.json                       who writes here: incarnation, host, process; renewed while the process lives
//	keyring.json                     wrapped data keys, if the state is encrypted (package seal)
//	log/<sequence>                   records of the log of changes, one object a group commit
//	runs/<incarnation>-<epoch>-<run> one run of an epoch, as epoch.Snapshot.OpenRun gives it
//	manifests/<epoch>-<incarnation>  an epoch: where its runs are, and its portable manifest
//	savepoint-<id>/…                 savepoints, which this package leaves alone
//
// Numbers are 16 hexadecimal digits. All objects but owner.json and keyring.json are written once and never changed.
//
// # One sequence decides
//
// The objects of log/ are numbered without gaps, and each is written only if its number is free. So all that is true
// about the store has one order, and of two processes that believe to own it one finds its next number taken and stops
// at once. Three things are said there:
//
//   - records: a change is acknowledged when the object that holds it is there;
//   - a fence: the first object of each incarnation. When it is there, no process before can add anything;
//   - a checkpoint: names a manifest. Manifests that no object of the log names do not exist.
//
// The lease in owner.json only keeps a second process from starting while the first one lives. Nothing depends on
// clocks: a lease has run out when owner.json did not change for as long as it says, as seen by the one who waits.
//
// # In doubt
//
// A record is in the local log, synced and applied, before it travels. When the bucket does not answer in time, the
// statement reports that its outcome is unknown (ErrInDoubt): the record stays, the server goes on sending it, and
// after a restart of the same machine, too. It is lost only if the local directory is lost before the bucket answers.
// From then on, until the bucket answers, new changes are refused before anything is done (ErrUnreachable). Steps and
// reads go on.
package remote
