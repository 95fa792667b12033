package ucum

import (
	"errors"
	"strings"
	"sync"
)

// maxCached bounds the units that are kept; a store rarely has more than some hundred.
const maxCached = 2048

// cache keeps units by their code, those without a canonical form as nil. When it is full it starts anew, so that codes
// that clients make up cost only time.
var cache struct {
	sync.RWMutex
	units map[string]*Unit
}

// Valid says whether a code is one of UCUM, also where it has no canonical form ([pH]).
func Valid(code string) bool {
	if _, ok := Lookup(code); ok {
		return true
	}
	_, err := Parse(code)
	return !errors.Is(err, errSyntax)
}

// Lookup is Parse for codes that come again and again. ok is false if the code has no canonical form.
func Lookup(code string) (u *Unit, ok bool) {
	if code == "" || len(code) > maxCode {
		return nil, false
	}
	cache.RLock()
	u, known := cache.units[code]
	cache.RUnlock()
	if known {
		return u, u != nil
	}
	u, err := Parse(code)
	if err != nil {
		u = nil
	}
	cache.Lock()
	defer cache.Unlock()
	if cache.units == nil || len(cache.units) >= maxCached {
		cache.units = make(map[string]*Unit, 64)
	}
	cache.units[strings.Clone(code)] = u
	return u, u != nil
}
