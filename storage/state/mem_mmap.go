//go:build unix && !race

package state

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapAligned maps size bytes of zeroed anonymous memory at an address that is a multiple
// of slabBytes. The second result keeps the memory alive (nil here: it is off the heap).
func mapAligned(size int) (uintptr, []byte, error) {
	const prot, flags = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_ANON | unix.MAP_PRIVATE
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(size), prot, flags)
	if err != nil {
		return 0, nil, err
	}
	if uintptr(p)%slabBytes != 0 {
		// The kernel places mappings next to each other, so this happens for the first
		// one and after holes: map one slab more and cut the ends off.
		if err := unix.MunmapPtr(p, uintptr(size)); err != nil {
			return 0, nil, err
		}
		whole := size + slabBytes
		if p, err = unix.MmapPtr(-1, 0, nil, uintptr(whole), prot, flags); err != nil {
			return 0, nil, err
		}
		head := (slabBytes - int(uintptr(p)%slabBytes)) % slabBytes
		if head > 0 {
			if err := unix.MunmapPtr(p, uintptr(head)); err != nil {
				return 0, nil, err
			}
		}
		p = unsafe.Add(p, head)
		if tail := slabBytes - head; tail > 0 {
			if err := unix.MunmapPtr(unsafe.Add(p, size), uintptr(tail)); err != nil {
				return 0, nil, err
			}
		}
	}
	adviseHuge(p, size)
	return uintptr(p), nil, nil
}

// unmap gives a mapping back to the system.
func unmap(addr uintptr, size int) error {
	return unix.MunmapPtr(ptrOf(uint64(addr)), uintptr(size))
}
