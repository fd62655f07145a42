package epoch

import (
	"container/list"
	"sync"
)

// blockCache keeps the bodies of the blocks that point lookups read last, up to a number of bytes.
type blockCache struct {
	limit int64

	mu    sync.Mutex
	size  int64
	order *list.List // of *cachedBlock, the most recently used first
	byKey map[blockKey]*list.Element
}

type blockKey struct {
	run   uint64
	chunk uint32
}

type cachedBlock struct {
	key  blockKey
	body []byte
}

func newBlockCache(limit int64) *blockCache {
	return &blockCache{limit: limit, order: list.New(), byKey: make(map[blockKey]*list.Element)}
}

// get returns a block, which must not be changed, or nil.
func (c *blockCache) get(k blockKey) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byKey[k]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*cachedBlock).body
}

// put adds a block unless it is larger than a quarter of the cache.
func (c *blockCache) put(k blockKey, body []byte) {
	if int64(len(body)) > c.limit/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[k] != nil {
		return
	}
	c.byKey[k] = c.order.PushFront(&cachedBlock{k, body})
	c.size += int64(cap(body))
	for c.size > c.limit {
		c.remove(c.order.Back())
	}
}

// drop removes the blocks of a run.
func (c *blockCache) drop(run uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.byKey {
		if k.run == run {
			c.remove(e)
		}
	}
}

func (c *blockCache) remove(e *list.Element) {
	b := e.Value.(*cachedBlock)
	c.order.Remove(e)
	delete(c.byKey, b.key)
	c.size -= int64(cap(b.body))
}
