package object

import (
	"context"
	"iter"
	"strings"
)

// WithPrefix returns the part of a bucket whose keys begin with prefix (a slash is added), under keys without it;
// errors name whole keys. Closing it closes the bucket.
func WithPrefix(b Bucket, prefix string) Bucket {
	prefix = strings.Trim(prefix, "/")
	if prefix == "" {
		return b
	}
	return &prefixed{Bucket: b, prefix: prefix + "/"}
}

type prefixed struct {
	Bucket
	prefix string
}

func (p *prefixed) Put(ctx context.Context, key string, body Body, opts PutOptions) error {
	return p.Bucket.Put(ctx, p.prefix+key, body, opts)
}

func (p *prefixed) Get(ctx context.Context, key string) (*Reader, error) {
	return p.reader(p.Bucket.Get(ctx, p.prefix+key))
}

func (p *prefixed) GetRange(ctx context.Context, key string, offset, length int64) (*Reader, error) {
	return p.reader(p.Bucket.GetRange(ctx, p.prefix+key, offset, length))
}

func (p *prefixed) reader(r *Reader, err error) (*Reader, error) {
	if err != nil {
		return nil, err
	}
	r.Info.Key = strings.TrimPrefix(r.Info.Key, p.prefix)
	return r, nil
}

func (p *prefixed) Head(ctx context.Context, key string) (Info, error) {
	info, err := p.Bucket.Head(ctx, p.prefix+key)
	info.Key = strings.TrimPrefix(info.Key, p.prefix)
	return info, err
}

func (p *prefixed) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		for info, err := range p.Bucket.List(ctx, p.prefix+prefix) {
			info.Key = strings.TrimPrefix(info.Key, p.prefix)
			if !yield(info, err) {
				return
			}
		}
	}
}

func (p *prefixed) Delete(ctx context.Context, keys ...string) error {
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = p.prefix + key
	}
	return p.Bucket.Delete(ctx, full...)
}

func (p *prefixed) Copy(ctx context.Context, dst, src string) error {
	return p.Bucket.Copy(ctx, p.prefix+dst, p.prefix+src)
}
