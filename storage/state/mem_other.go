//go:build unix && !linux && !race

package state

import "unsafe"

// adviseHuge does nothing: only Linux has transparent huge pages by advice.
func adviseHuge(unsafe.Pointer, int) {}
