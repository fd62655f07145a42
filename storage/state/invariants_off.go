//go:build !invariants

package state

// invariants is off: assertions and poisoning compile to nothing. Build with
// -tags invariants to turn them on.
const invariants = false
