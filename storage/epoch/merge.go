package epoch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// mergeRoundBytes bounds the input that merges of several tables read before they share one manifest update.
	mergeRoundBytes = 64 << 20
	// smallTableBytes is the size below which overwritten entries are no reason to merge by themselves.
	smallTableBytes = 4 << 20
)

// group is the runs of a table that have one epoch: runs[from:to] of a version.
type group struct {
	from, to       int
	bytes, entries uint64
}

func groupsOf(runs []*run) []group {
	var out []group
	for i, r := range runs {
		if i == 0 || runs[i-1].meta.Epoch != r.meta.Epoch {
			out = append(out, group{from: i})
		}
		g := &out[len(out)-1]
		g.to = i + 1
		g.bytes += r.meta.Bytes
		g.entries += r.meta.Entries
	}
	return out
}

// plannedMerge is consecutive groups of one table that become one run.
type plannedMerge struct {
	table  TableID
	runs   []*run // newest first
	above  [][2][]byte
	bottom bool // nothing of the table is older
	behind bool // the table has far too many runs: do not wait
	bytes  uint64
}

// planMerge says what of a table should be merged, if anything. Runs of similar size are merged fanIn at a time, so
// an entry is rewritten once per level of a logarithmic number; and everything is merged when what lies above the
// oldest run is as large as it, so that a table occupies at most about twice what it holds.
func (s *Store) planMerge(id TableID, runs []*run) (plannedMerge, bool) {
	groups := groupsOf(runs)
	n := len(groups)
	if s.sealedBefore(runs) {
		return s.plannedRuns(id, runs, groups, 0, n), true
	}
	if n < 2 {
		return plannedMerge{}, false
	}
	fanIn := s.opt.MergeRuns
	from, to := 0, 0
	var total, above uint64
	for i, g := range groups {
		total += g.bytes
		if i < n-1 {
			above += g.entries
		}
	}
	if (n > fanIn || total >= smallTableBytes) && above+s.coveredEntries(runs) >= groups[n-1].entries {
		from, to = 0, n
	} else if from, to = similarGroups(groups, fanIn); to == from && n > 2*fanIn {
		from, to = 0, n-fanIn
	}
	if to-from < 2 {
		return plannedMerge{}, false
	}
	return s.plannedRuns(id, runs, groups, from, to), true
}

// plannedRuns is the merge of groups[from:to].
func (s *Store) plannedRuns(id TableID, runs []*run, groups []group, from, to int) plannedMerge {
	n := len(groups)
	p := plannedMerge{table: id, runs: runs[groups[from].from:groups[to-1].to], bottom: to == n, behind: n > 3*s.opt.MergeRuns}
	for _, r := range runs[:groups[from].from] {
		p.above = append(p.above, r.meta.RangeDels...)
	}
	for _, r := range p.runs {
		p.bytes += r.meta.Bytes
	}
	return p
}

// similarGroups finds the newest fanIn or more consecutive groups of which each is at most twice as large as all the
// newer ones among them together.
func similarGroups(groups []group, fanIn int) (from, to int) {
	for from = range groups {
		sum := groups[from].bytes
		for to = from + 1; to < len(groups) && groups[to].bytes <= 2*sum; to++ {
			sum += groups[to].bytes
		}
		if to-from >= fanIn {
			return from, to
		}
	}
	return 0, 0
}

// coveredEntries estimates how many entries range deletions of newer runs have deleted, by the blocks they cover.
func (s *Store) coveredEntries(runs []*run) uint64 {
	var sum uint64
	var dels [][2][]byte
	for i, r := range runs {
		if i > 0 && len(runs[i-1].meta.RangeDels) > 0 {
			dels = normalizeRanges(append(dels, runs[i-1].meta.RangeDels...))
		}
		if len(dels) == 0 || r.meta.Blocks < 2 {
			continue
		}
		x, err := s.indexOf(r)
		if err != nil {
			continue // the merge will meet the error and report it
		}
		blocks := uint64(0)
		for _, d := range dels {
			end := r.meta.Blocks
			if d[1] != nil {
				end = x.blockFor(d[1])
			}
			if start := x.blockFor(d[0]); end > start {
				blocks += uint64(end - start)
			}
		}
		sum += r.meta.Entries * min(blocks, uint64(r.meta.Blocks)) / uint64(r.meta.Blocks)
	}
	return sum
}

// mergeOnce merges what is due, several tables in one manifest update, and reports whether it did anything. One merge
// that is larger than a round may run beside it at a time, so that the other tables need not wait for it.
func (s *Store) mergeOnce(ctx context.Context) (bool, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return false, err
	}
	plans := s.planRound(snap)
	if len(plans) == 0 {
		snap.Release()
		return false, nil
	}
	if plans[0].bytes <= mergeRoundBytes {
		defer snap.Release()
		return s.merge(ctx, plans)
	}
	s.mu.Lock()
	s.largeMerge = &plans[0].table
	s.mu.Unlock()
	s.done.Go(func() {
		_, err := s.merge(ctx, plans)
		snap.Release()
		s.mu.Lock()
		s.largeMerge = nil
		s.mu.Unlock()
		if err != nil {
			s.reportBackground(ctx, err)
			return
		}
		s.wakeBackground()
	})
	return true, nil
}

// planRound chooses the merges of one round: the smallest first, up to mergeRoundBytes, or a single larger one if
// nothing else is due and none is running.
func (s *Store) planRound(snap *Snapshot) []plannedMerge {
	s.mu.Lock()
	large := s.largeMerge
	s.mu.Unlock()
	var all []plannedMerge
	for id, runs := range snap.v.tables {
		if large != nil && *large == id {
			continue
		}
		if p, ok := s.planMerge(id, runs); ok && (large == nil || p.bytes <= mergeRoundBytes) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b plannedMerge) int {
		return cmp.Or(cmp.Compare(a.bytes, b.bytes), cmp.Compare(a.table, b.table))
	})
	sum := uint64(0)
	for i := range all {
		if sum += all[i].bytes; sum > mergeRoundBytes && i > 0 {
			return all[:i]
		}
	}
	return all
}

// merge writes the merged runs of the plans and puts them in the place of their inputs.
func (s *Store) merge(ctx context.Context, plans []plannedMerge) (bool, error) {
	batch := s.db.newBatch()
	outputs := make([]*RunWriter, 0, len(plans))
	limit := &rateLimit{ctx: ctx, bytesPerSecond: float64(s.opt.MergeMBPerSecond) * (1 << 20), start: time.Now()}
	for _, p := range plans {
		out, err := s.mergeRuns(p, batch, limit)
		outputs = append(outputs, out)
		if err != nil {
			batch.cancel()
			s.buryOutputs(outputs)
			return false, fmt.Errorf("merge runs of table %d: %w", p.table, err)
		}
	}
	ok, err := s.install(change{
		batch: batch, runs: outputs,
		points: [4]string{crashMergeFlushed, crashMergeSynced, crashMergeRoot, crashMergeDone},
		apply: func(m *Manifest) bool {
			any := false
			for i, p := range plans {
				any = replaceRuns(m, p, outputs[i].meta) || any
			}
			return any
		},
	})
	s.buryOutputs(outputs)
	if ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.merges += uint64(len(plans))
		for _, p := range plans {
			s.mergedIn += p.bytes
		}
	}
	return ok, err
}

// mergeRuns writes the merged run of a plan. The run is returned also with an error, so that it can be deleted.
func (s *Store) mergeRuns(p plannedMerge, batch kvBatch, limit *rateLimit) (*RunWriter, error) {
	out := newRunWriter(s, batch, p.table, crashMergeWrite)
	out.onBlock = func(n int) error {
		if p.behind {
			return limit.ctx.Err()
		}
		return limit.spend(n)
	}
	it, err := s.newMergeIterator(p.runs, nil, nil, p.above)
	if err != nil {
		return out, err
	}
	for {
		e, err := it.next()
		if err != nil {
			return out, err
		}
		if e == nil {
			break
		}
		if e.tombstone && p.bottom {
			continue
		}
		if err := out.add(e.key, e.val, e.tombstone); err != nil {
			return out, err
		}
	}
	for _, r := range p.runs {
		out.meta.Level = max(out.meta.Level, r.meta.Level+1)
		if p.bottom {
			continue
		}
		for _, d := range r.meta.RangeDels {
			if err := out.DeleteRange(d[0], d[1]); err != nil {
				return out, err
			}
		}
	}
	out.meta.Epoch = p.runs[0].meta.Epoch
	return out, out.Close()
}

// replaceRuns puts the merged run in the place of its inputs, unless one of them is gone: then an epoch has dropped
// or deleted them meanwhile, and the merged run would bring them back.
func replaceRuns(m *Manifest, p plannedMerge, merged RunMeta) bool {
	runs := m.Tables[p.table]
	at := slices.IndexFunc(runs, func(r RunMeta) bool { return r.ID == p.runs[0].meta.ID })
	if at < 0 || at+len(p.runs) > len(runs) {
		return false
	}
	for i, r := range p.runs {
		if runs[at+i].ID != r.meta.ID {
			return false
		}
	}
	var with []RunMeta
	if merged.Entries > 0 || len(merged.RangeDels) > 0 {
		with = []RunMeta{merged}
	}
	runs = slices.Replace(runs, at, at+len(p.runs), with...)
	if len(runs) == 0 {
		delete(m.Tables, p.table)
	} else {
		m.Tables[p.table] = runs
	}
	return true
}

// buryOutputs has those merged runs deleted that no manifest names.
func (s *Store) buryOutputs(outputs []*RunWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, out := range outputs {
		s.discard(out)
	}
}

// rateLimit spreads the output of merges over time, because the steps and checkpoints need the disk and the cores,
// too.
type rateLimit struct {
	ctx            context.Context
	bytesPerSecond float64 // negative: unbounded
	start          time.Time
	spent          float64
}

// spend accounts for n bytes and waits until the rate allows them; it fails when the context ends.
func (l *rateLimit) spend(n int) error {
	if l.bytesPerSecond < 0 {
		return l.ctx.Err()
	}
	l.spent += float64(n)
	wait := time.Duration(l.spent/l.bytesPerSecond*float64(time.Second)) - time.Since(l.start)
	if wait <= 0 {
		return l.ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-l.ctx.Done():
		return l.ctx.Err()
	case <-timer.C:
		return nil
	}
}
