package auth

import "container/list"

// maxTracked bounds each table that clients can fill by coming from many
// addresses or under many names; the entry that was not used for longest goes.
const maxTracked = 65_536

// lru is a bounded map.
type lru[K comparable, V any] struct {
	max   int
	m     map[K]*list.Element
	order list.List // newest first
}

type lruEntry[K comparable, V any] struct {
	key K
	val V
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	return &lru[K, V]{max: limit, m: map[K]*list.Element{}}
}

// get finds a value and makes it the newest.
func (l *lru[K, V]) get(key K) (V, bool) {
	e := l.m[key]
	if e == nil {
		var none V
		return none, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruEntry[K, V]).val, true
}

func (l *lru[K, V]) put(key K, val V) {
	if e := l.m[key]; e != nil {
		e.Value.(*lruEntry[K, V]).val = val
		l.order.MoveToFront(e)
		return
	}
	if len(l.m) >= l.max {
		l.remove(l.order.Back().Value.(*lruEntry[K, V]).key)
	}
	l.m[key] = l.order.PushFront(&lruEntry[K, V]{key, val})
}

func (l *lru[K, V]) remove(key K) {
	if e := l.m[key]; e != nil {
		l.order.Remove(e)
		delete(l.m, key)
	}
}

func (l *lru[K, V]) len() int { return len(l.m) }
