package terminology

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"sync"

	"github.com/firewarden/firewarden/internal/fhir"
)

//go:embed definitions.ndjson.gz
var definitions []byte

// key names a definition.
type key struct{ typ, url string }

// r4 are the definitions by what names them, unpacked when first needed, and what was made of them. They are constant.
var r4 struct {
	once sync.Once
	text map[key][]byte

	sync.Mutex
	systems map[string]*codeSystem
	sets    map[string]*Set
}

// unpack reads the definitions. They are part of the program: what cannot be read was never tested.
func unpack() {
	zr, err := gzip.NewReader(bytes.NewReader(definitions))
	if err != nil {
		panic(fmt.Sprintf("terminology: %v", err))
	}
	text, err := io.ReadAll(zr)
	if err != nil {
		panic(fmt.Sprintf("terminology: %v", err))
	}
	r4.text = map[key][]byte{}
	for line := range bytes.Lines(text) {
		res, err := fhir.Parse(line, fhir.Limits{})
		if err != nil {
			panic(fmt.Sprintf("terminology: %v", err))
		}
		r4.text[key{res.Type, res.Root.Str("url")}] = line
	}
	r4.systems, r4.sets = map[string]*codeSystem{}, map[string]*Set{}
}

// builtIn is a definition of R4; nil if R4 does not define that version of it.
func builtIn(typ, url, version string) *fhir.Node {
	r4.once.Do(unpack)
	line, ok := r4.text[key{typ, url}]
	if !ok {
		return nil
	}
	res, err := fhir.Parse(line, fhir.Limits{})
	if err != nil || version != "" && version != res.Root.Str("version") {
		return nil
	}
	return res.Root
}

// builtInSystem is a code system of R4, nil if R4 has none of its codes.
func builtInSystem(url, version string) *codeSystem {
	r4.once.Do(unpack)
	if _, ok := r4.text[key{"CodeSystem", url}]; !ok {
		return nil
	}
	r4.Lock()
	defer r4.Unlock()
	if s, ok := r4.systems[url+"|"+version]; ok {
		return s
	}
	root := builtIn("CodeSystem", url, version)
	if root == nil {
		return nil
	}
	s := readSystem(root)
	if len(s.concepts) == 0 {
		s = nil
	}
	r4.systems[url+"|"+version] = s
	return s
}

// builtInSet is the content of a value set that R4's definitions alone say; nil if they do not.
func builtInSet(url, version string) *Set {
	r4.once.Do(unpack)
	if _, ok := r4.text[key{"ValueSet", url}]; !ok {
		return nil
	}
	r4.Lock()
	s, known := r4.sets[url]
	r4.Unlock()
	if !known {
		root := builtIn("ValueSet", url, "")
		if root == nil {
			return nil
		}
		var e Expander
		s, _ = e.expand(url, readValueSet(root))
		r4.Lock()
		r4.sets[url] = s
		r4.Unlock()
	}
	if version != "" && builtIn("ValueSet", url, version) == nil {
		return nil
	}
	return s
}
