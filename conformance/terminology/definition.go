package terminology

import (
	"bytes"
	"sync"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Definition is a ValueSet or CodeSystem as it is expanded. It does not change.
type Definition struct {
	name   string // canonical URL
	set    *valueSet
	system *codeSystem // nil of a supplement, which has no codes of its own
}

// Read reads a ValueSet or CodeSystem.
func Read(res *fhir.Resource) *Definition {
	d := &Definition{name: res.Root.Str("url")}
	switch {
	case res.Type == "ValueSet":
		d.set = readValueSet(res.Root)
	case res.Root.Str("content") != "supplement":
		d.system = readSystem(res.Root)
	}
	return d
}

// Cache keeps definitions that were read, so that the next request need not read them again. What it is asked for is a
// body, which the caller has fetched as far as it may: a Cache gives nobody what they do not have. The zero Cache works.
type Cache struct {
	mu    sync.Mutex
	by    map[string]kept // by "Type/id"
	bytes int
}

type kept struct {
	body []byte
	*Definition
}

// maxKept bounds the bodies of the definitions of a Cache; with more it begins anew.
const maxKept = 16 << 20

// Read is the definition in a body; the name is that of the resource, "ValueSet/1". The body must not change.
func (c *Cache) Read(name string, body []byte) (*Definition, error) {
	c.mu.Lock()
	k, ok := c.by[name]
	c.mu.Unlock()
	if ok && bytes.Equal(k.body, body) {
		return k.Definition, nil
	}
	res, err := fhir.Parse(body, fhir.Limits{})
	if err != nil {
		return nil, err
	}
	d := Read(res)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += len(body) - len(c.by[name].body)
	if c.by == nil || c.bytes > maxKept {
		c.by, c.bytes = map[string]kept{}, len(body)
	}
	c.by[name] = kept{body, d}
	return d, nil
}
