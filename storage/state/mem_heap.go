//go:build !unix || race

package state

import "unsafe"

// mapAligned takes the memory from the Go heap. The race detector only sees the heap, so
// race builds use it; systems without mmap too. The second result keeps it alive.
func mapAligned(size int) (uintptr, []byte, error) {
	b := make([]byte, size+slabBytes)
	base := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return (base + slabBytes - 1) &^ (slabBytes - 1), b, nil
}

// unmap has nothing to do: the collector takes the memory once the pool forgets it.
func unmap(uintptr, int) error { return nil }
