package interaction

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/firewarden/firewarden/store"
)

const (
	retryAfter = 5 * time.Second        // how long Run waits after a failure
	lookEvery  = 500 * time.Millisecond // how long what another server has done may stay unknown
)

// Run builds the index of what is not live yet, whenever there is something, until ctx ends. It goes on where an earlier
// one, also of an earlier process or of another server, ended, and follows what other servers on the store define. failed
// is told of errors, which it tries again.
func (p *Parameters) Run(ctx context.Context, failed func(error)) {
	var following sync.WaitGroup
	following.Go(func() { p.follow(ctx, failed) })
	defer following.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-tick.C:
		}
		for {
			err := p.build(ctx)
			if err == nil || ctx.Err() != nil {
				break
			}
			failed(fmt.Errorf("index search parameters: %w", err))
			select {
			case <-ctx.Done():
				return
			case <-time.After(retryAfter):
			}
		}
	}
}

// follow knows what other servers have done, also while this one builds. Of several failures in a row the first is told.
func (p *Parameters) follow(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for lost := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := p.look(ctx)
		if err != nil && !lost && ctx.Err() == nil {
			failed(err)
		}
		lost = err != nil
	}
}

// look follows what another server has defined or built.
func (p *Parameters) look(ctx context.Context) error {
	r, _, err := p.store.KV().Get(ctx, store.ParametersBucket, store.ParametersKey)
	if err != nil {
		return fmt.Errorf("read the record of search parameters: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Version == p.version {
		return nil
	}
	if err := p.read(ctx); err != nil {
		return err
	}
	p.asked.Add(1)
	return p.resync(ctx)
}

// build makes live what is building, unless another server does.
func (p *Parameters) build(ctx context.Context) error {
	p.mu.Lock()
	if p.fault != nil && p.resync(ctx) != nil {
		defer p.mu.Unlock()
		return p.fault
	}
	building := p.record.Building()
	p.mu.Unlock()
	if !building {
		return nil
	}
	clock := p.Now
	if clock == nil {
		clock = time.Now
	}
	_, err := store.Alone(ctx, p.store.KV(), clock, "search-parameters", func(ctx context.Context) error {
		if err := p.look(ctx); err != nil { // it may just have been built
			return err
		}
		return p.extend(ctx)
	})
	return err
}

func (p *Parameters) extend(ctx context.Context) error {
	p.mu.Lock()
	generation, building := p.record.Generation, p.record.Building()
	p.done, p.of = 0, 0
	p.mu.Unlock()
	if !building {
		return nil
	}
	if e, ok := p.store.(store.Extender); ok {
		err := e.Extend(ctx, func(done, of int) {
			p.mu.Lock()
			p.done, p.of = done, of
			p.mu.Unlock()
		})
		if err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.fault != nil {
			return p.fault
		}
		err := p.write(ctx, p.record.Done(generation))
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err := p.read(ctx); err != nil { // another server has defined one
			return err
		}
	}
}

// ParameterStatus is how far an own search parameter is.
type ParameterStatus struct {
	ID     string   `json:"id"`
	Code   string   `json:"code,omitempty"`
	Base   []string `json:"base,omitempty"`
	Status string   `json:"status"` // ready, indexing, unusable
	Error  string   `json:"error,omitempty"`
}

// ParametersStatus is how far all are.
type ParametersStatus struct {
	Generation uint64            `json:"generation"`
	Done       int               `json:"done"` // resources of the types that are indexed now
	Total      int               `json:"total"`
	Error      string            `json:"error,omitempty"`
	Parameters []ParameterStatus `json:"parameters"`
}

// Status says how far the own search parameters are, in the order of their numbers; those that cannot be used come last.
func (p *Parameters) Status() ParametersStatus {
	out := ParametersStatus{Parameters: []ParameterStatus{}}
	if p == nil {
		return out
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	out.Generation, out.Done, out.Total = p.record.Generation, p.done, p.of
	if p.fault != nil {
		out.Error = p.fault.Error()
	}
	for _, o := range p.record.Own {
		if o.Until != 0 {
			continue
		}
		status := ParameterStatus{ID: o.ID, Code: o.Code, Base: o.Bases, Status: "indexing"}
		if o.Live {
			status.Status = "ready"
		}
		out.Parameters = append(out.Parameters, status)
	}
	var ids []string
	for id := range p.unusable {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		out.Parameters = append(out.Parameters, ParameterStatus{ID: id, Status: "unusable", Error: p.unusable[id]})
	}
	return out
}
