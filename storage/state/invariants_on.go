//go:build invariants

package state

// invariants is on: freed blocks are poisoned, and pages and tables assert their shape.
const invariants = true
