//go:build linux && !race

package state

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// adviseHuge asks for huge pages: a first touch of 2 MiB at once instead of 512 faults,
// and far fewer TLB misses on random reads. Refusal is harmless and ignored.
func adviseHuge(p unsafe.Pointer, size int) {
	if size >= slabBytes {
		_ = unix.Madvise(unsafe.Slice((*byte)(p), size), unix.MADV_HUGEPAGE)
	}
}
