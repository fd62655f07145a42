package state

// pageSource is where a tree's pages come from when they may be elsewhere than in memory.
// A tree without one (the resident case) takes references for addresses and pays a nil
// check; with one, references are opaque.
//
// A source may take a page's memory away only between two calls of the tree's writer, and
// then must keep what was written to it. Memory it handed to a reader stays readable as
// long as the reader holds on to it. Readers and the writer call concurrently.
type pageSource interface {
	// page is the memory of a page, fetched if need be.
	page(ref uint64) *page
	// extent is the memory of an extent of size bytes.
	extent(ref uint64, size int) []byte
	// newPage and newExtent make a block with undefined content.
	newPage() uint64
	newExtent(size int) uint64
	// free takes a page or an extent back.
	free(ref uint64)
}

// page is the memory of the page at ref.
func (t *Tree) page(ref uint64) *page {
	if t.src != nil {
		return t.src.page(ref)
	}
	return pageAt(ref)
}

// newPage makes an empty page of this epoch.
func (t *Tree) newPage(kind byte) (uint64, *page) {
	var ref uint64
	if t.src != nil {
		ref = t.src.newPage()
	} else {
		ref = t.pool.alloc(PageBytes)
	}
	t.bytes.Add(PageBytes)
	p := t.page(ref)
	p.reset(kind, t.epoch)
	return ref, p
}

// freeBlock gives a page or extent back for good.
func (t *Tree) freeBlock(ref uint64) {
	if t.src != nil {
		t.src.free(ref)
		return
	}
	t.pool.free(ref)
}

// dropPage retires a page the writer's tree no longer uses.
func (t *Tree) dropPage(ref uint64, p *page) {
	t.bytes.Add(-PageBytes)
	t.retire(ref, p.birth())
}
