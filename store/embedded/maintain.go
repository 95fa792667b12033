package embedded

import (
	"context"
)

// Progress is told how far a long work is.
type Progress func(done, of int)

// Reindex rebuilds the index.
func (s *Store) Reindex(ctx context.Context, p Progress) error { return nil }
