// Package internal holds what every layer shares: types, deltas, errors,
// configuration and test support.
package internal
