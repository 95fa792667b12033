package interaction

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	own "github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// Parameters keeps the own search parameters of a store as its SearchParameter resources define them, and sees to it that
// the index follows. Of several servers on a store one builds, and the others know within a second what it has done. Until
// then they refuse what they do not know yet, and what is gone is refused at once: each snapshot says what its index is
// whole for (plan.Source.Params). A nil Parameters has R4's.
type Parameters struct {
	Now func() time.Time // that records of the store expire by; nil is time.Now

	store store.Store
	set   atomic.Pointer[own.Set]
	asked atomic.Uint64 // Syncs
	wake  chan struct{}

	mu       sync.Mutex // held while the record changes
	record   own.Record
	version  uint64 // of the record in KV
	synced   uint64 // Syncs that are answered
	unusable map[string]string
	done, of int
	fault    error
}

// OpenParameters reads what the store is indexed by and compares it with what its resources define.
func OpenParameters(ctx context.Context, st store.Store) (*Parameters, error) {
	p := &Parameters{store: st, wake: make(chan struct{}, 1)}
	if err := p.read(ctx); err != nil {
		return nil, err
	}
	p.asked.Add(1)
	if err := p.sync(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// Set is what can be searched by now.
func (p *Parameters) Set() *own.Set {
	if p == nil {
		return nil
	}
	return p.set.Load()
}

// read reads the record; mu is held, or nobody else knows p.
func (p *Parameters) read(ctx context.Context) error {
	r, found, err := p.store.KV().Get(ctx, store.ParametersBucket, store.ParametersKey)
	if err != nil {
		return fmt.Errorf("read the record of search parameters: %w", err)
	}
	record, err := own.ReadRecord(r.Value)
	if err != nil {
		return err
	}
	p.record, p.version = record, 0
	if found {
		p.version = r.Version
	}
	p.publish()
	return nil
}

// publish lets commits and requests know the record.
func (p *Parameters) publish() { p.use(p.record.Set()) }

func (p *Parameters) use(set *own.Set) {
	if e, ok := p.store.(store.Extender); ok {
		e.Use(set)
	}
	p.set.Store(set)
	p.again()
}

// again lets Run look whether there is something to build.
func (p *Parameters) again() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// write stores a record and publishes it.
func (p *Parameters) write(ctx context.Context, next own.Record) error {
	b, err := next.Bytes()
	if err != nil {
		return err
	}
	version, err := p.store.KV().Put(ctx, store.Record{Bucket: store.ParametersBucket, Key: store.ParametersKey, Value: b}, p.version)
	if err != nil {
		return fmt.Errorf("write the record of search parameters: %w", err)
	}
	p.record, p.version = next, version
	p.publish()
	return nil
}

// defines says whether a commit changes what SearchParameter resources there are.
func defines(writes []store.Write) bool {
	return slices.ContainsFunc(writes, func(w store.Write) bool { return w.Type == "SearchParameter" })
}

// check refuses SearchParameter resources that define nothing that can be indexed.
func (p *Parameters) check(writes []store.Write) error {
	if p == nil {
		return nil
	}
	for _, w := range writes {
		if w.Type != "SearchParameter" || w.Resource == nil {
			continue
		}
		d, err := own.Read(w.Resource)
		if err != nil {
			return err
		}
		d.ID = w.ID
		if other := p.Set().Record().Clash(&d); other != nil && !d.Repeats(&other.Definition) {
			return fhir.Errorf(fhir.KindBusinessRule, "SearchParameter.code", "SearchParameter/%s defines %s for one of these types already", other.ID, d.Code)
		}
	}
	return nil
}

// Sync follows a commit that has changed SearchParameter resources; when it returns, searches and scopes by what was
// changed or deleted are refused. If that fails nothing own can be searched by until Run has made it good.
func (p *Parameters) Sync(ctx context.Context) {
	if p == nil {
		return
	}
	mine := p.asked.Add(1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.synced >= mine {
		return // by another, who read after this commit
	}
	p.resync(context.WithoutCancel(ctx))
}

// resync makes the record that the resources ask for. Without it nothing own can be used.
func (p *Parameters) resync(ctx context.Context) error {
	if p.fault = p.sync(ctx); p.fault != nil {
		p.use(p.record.Halted().Set())
	}
	return p.fault
}

// sync makes the record that the resources ask for.
func (p *Parameters) sync(ctx context.Context) error {
	for {
		upTo := p.asked.Load()
		found, unusable, err := p.definitions(ctx)
		if err != nil {
			return err
		}
		next, changed := p.record.Next(found)
		for _, d := range found {
			if other := next.Clash(&d); other != nil {
				unusable[d.ID] = "SearchParameter/" + other.ID + " defines its code already"
			}
		}
		p.unusable = unusable
		if changed {
			err = p.write(ctx, next)
			if errors.Is(err, store.ErrConflict) { // another node was first
				if err = p.read(ctx); err == nil {
					continue
				}
			}
			if err != nil {
				return err
			}
		} else {
			p.publish()
		}
		p.synced = upTo
		return nil
	}
}

// definitions reads all SearchParameter resources, under nobody's access: what is defined is the same for all.
func (p *Parameters) definitions(ctx context.Context) (found []own.Definition, unusable map[string]string, err error) {
	q, err := search.Parse("SearchParameter", nil, search.Options{})
	if err != nil {
		return nil, nil, err
	}
	lowered, err := plan.Lower(search.Guard(q, search.Unrestricted), nil)
	if err != nil {
		return nil, nil, err
	}
	snap, err := p.store.Snapshot(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer snap.Close()
	unusable = map[string]string{}
	w := plan.Window{Limit: 500}
	for {
		page, err := plan.Run(ctx, snap, lowered, w)
		if err != nil {
			return nil, nil, fmt.Errorf("read SearchParameter resources: %w", err)
		}
		for _, row := range page.Rows {
			res, err := fhir.Parse(row.Body, fhir.Limits{Bytes: maxStored, Nodes: maxStored, Depth: 10_000})
			if err != nil {
				return nil, nil, fmt.Errorf("SearchParameter/%s: %w", row.ID, err)
			}
			d, err := own.Read(res)
			if err != nil {
				unusable[row.ID] = err.Error() // stored before it was checked
				continue
			}
			d.ID = row.ID
			found = append(found, d)
		}
		if page.Next == nil {
			return found, unusable, nil
		}
		w.After = page.Next
	}
}

const maxStored = 1 << 30
