package plan

import "context"

// Times are the versions of a history that are asked for; the zero Times are all.
type Times struct {
	Since int64 // LastUpdated at that time or later, microseconds; 0 is the beginning
	// From and To bound the moments of _at, To exclusive: versions that were current at one of them, each from its
	// LastUpdated until the next version, but at that moment at least. Both zero: any.
	From, To int64
}

// none says that every version is asked for.
func (t Times) none() bool { return t == Times{} }

// until is the time before which LastUpdated must be, 0 if there is none.
func (t Times) until() int64 {
	if t.From == 0 && t.To == 0 {
		return 0
	}
	return t.To
}

// holds says whether the version r is asked for. Where the version behind it is hidden it lasts until the next one that
// shows says is not.
func (t Times) holds(ctx context.Context, src Source, r *Row, shows func(*Row) (bool, error)) (bool, error) {
	if r.LastUpdated < t.Since {
		return false, nil
	}
	if t.From == 0 && t.To == 0 {
		return true, nil
	}
	if r.LastUpdated >= t.To {
		return false, nil
	}
	for n := r.Version + 1; ; n++ {
		next, found, err := src.Version(ctx, Key{r.Type, r.ID}, n)
		if err != nil || !found {
			return err == nil, err
		}
		ok, err := shows(&next)
		if err != nil {
			return false, err
		}
		if ok {
			return max(next.LastUpdated, r.LastUpdated+1) > t.From, nil
		}
	}
}
