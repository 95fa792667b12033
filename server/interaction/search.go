package interaction

import (
	"context"

	"github.com/firewarden/firewarden/search"
)

// SearchOptions are what a search request says outside of its parameters.
type SearchOptions struct {
	Lenient bool // Prefer: handling=lenient: what is not understood is left out, and the Bundle says so
}

// Search runs a search on one type (R4 search.html): a searchset Bundle with self, first and next links. Params are
// those of the URL and of a POST body together, decoded.
func (s *Service) Search(ctx context.Context, c Caller, typ string, params []search.Pair, o SearchOptions) (Result, error) {
	return Result{}, errUnfinished
}

// HistoryInstance gives the versions of one instance, newest first (R4 http.html#history), as a history Bundle. It
// knows _count, _since and the _page of its own links. KindNotFound as in Read; a deleted instance has a history.
func (s *Service) HistoryInstance(ctx context.Context, c Caller, typ, id string, params []search.Pair) (Result, error) {
	return Result{}, errUnfinished
}

// HistoryType gives the versions of all instances of a type, newest first. It needs s.
func (s *Service) HistoryType(ctx context.Context, c Caller, typ string, params []search.Pair) (Result, error) {
	return Result{}, errUnfinished
}

// HistorySystem gives the versions of all types that the caller has s on, newest first; KindForbidden if there is none.
func (s *Service) HistorySystem(ctx context.Context, c Caller, params []search.Pair) (Result, error) {
	return Result{}, errUnfinished
}
