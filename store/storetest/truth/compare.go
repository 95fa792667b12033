package truth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Fingerprint is equal for two spellings of one resource: id, meta and the text of references do not count.
func Fingerprint(body []byte) (string, error) {
	var m map[string]any
	if err := decode(body, &m); err != nil {
		return "", err
	}
	return fingerprint(m)
}

// Fingerprint is that of the resource as the file holds it.
func (r *Resource) Fingerprint() string {
	f, err := fingerprint(r.JSON)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return f
}

func fingerprint(resource map[string]any) (string, error) {
	bare := map[string]any{}
	for k, v := range resource {
		if k != "id" && k != "meta" {
			bare[k] = withoutReferences(v)
		}
	}
	text, err := json.Marshal(bare) // members in the order of their names
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

func withoutReferences(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = withoutReferences(item)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, item := range v {
			if _, text := item.(string); k != "reference" || !text {
				out[k] = withoutReferences(item)
			}
		}
		return out
	}
	return v
}

// Difference says how the resources of a server's answer differ from those that the files promise, in any order; ""
// if they do not.
func Difference(bodies [][]byte, want []*Resource) string {
	left := map[string]int{}
	for _, r := range want {
		left[r.Fingerprint()]++
	}
	for i, b := range bodies {
		f, err := Fingerprint(b)
		if err != nil {
			return fmt.Sprintf("resource %d: %v", i, err)
		}
		if left[f]--; left[f] < 0 {
			return fmt.Sprintf("resource %d of %d is not among the %d expected, or comes too often: %s", i, len(bodies), len(want), b)
		}
	}
	if len(bodies) != len(want) {
		return fmt.Sprintf("%d resources, want %d", len(bodies), len(want))
	}
	return ""
}

// OrderDifference says how a page differs from the beginning of what the files promise, latest first by the moment at
// a path; "" if it does not. Resources of one moment may come in any order.
func OrderDifference(bodies [][]byte, want []*Resource, path string) string {
	order := Latest(want, path)
	if len(bodies) > len(order) {
		return fmt.Sprintf("%d resources, want at most %d", len(bodies), len(order))
	}
	left := map[string]int{}
	for _, r := range order {
		left[r.Date(path).String()+r.Fingerprint()]++
	}
	for i, b := range bodies {
		var r Resource
		if err := decode(b, &r.JSON); err != nil {
			return fmt.Sprintf("resource %d: %v", i, err)
		}
		if got, at := r.Date(path), order[i].Date(path); !got.Equal(at) {
			return fmt.Sprintf("resource %d is of %s, want %s", i, got, at)
		}
		key := r.Date(path).String() + r.Fingerprint()
		if left[key]--; left[key] < 0 {
			return fmt.Sprintf("resource %d is not expected, or comes too often: %s", i, b)
		}
	}
	return ""
}
