package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// readFile reads the settings of a YAML file: a mapping of keys to values. Its error tells every fault.
func readFile(path string) ([]Setting, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return parseFile(filepath.Base(path), text)
}

func parseFile(name string, text []byte) ([]Setting, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(doc.Content) == 0 {
		return nil, nil // empty, or only comments
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: keys and values were expected, as in store: ./data", name, root.Line)
	}
	var settings []Setting
	var faults []error
	fault := func(n *yaml.Node, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s:%d: %s", name, n.Line, fmt.Sprintf(format, args...)))
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		near := Near(key.Value, Names())
		text, ok := scalar(value)
		if value.Kind == yaml.MappingNode && slices.ContainsFunc(keys, func(k Key) bool { return k.Name == key.Value && k.mapping }) {
			text, ok = mapping(value)
		}
		switch {
		case slices.ContainsFunc(settings, func(s Setting) bool { return s.Key == key.Value }):
			fault(key, "the key %q is repeated", key.Value)
		case planned[key.Value] != "":
			fault(key, "%s: %s", key.Value, planned[key.Value])
		case !slices.Contains(Names(), key.Value) && near != "":
			fault(key, "there is no key %q: did you mean %q?", key.Value, near)
		case !slices.Contains(Names(), key.Value):
			fault(key, "there is no key %q: the keys are %s", key.Value, strings.Join(Names(), ", "))
		case !ok:
			fault(value, "%s: one value was expected", key.Value)
		default:
			settings = append(settings, Setting{key.Value, text, fmt.Sprintf("%s:%d", name, key.Line)})
		}
	}
	return settings, errors.Join(faults...)
}

// mapping is a mapping of names to entries as JSON.
func mapping(n *yaml.Node) (string, bool) {
	var entries map[string]any
	if n.Decode(&entries) != nil {
		return "", false
	}
	text, err := json.Marshal(entries)
	return string(text), err == nil
}

// scalar is the text of a value as it was written; a list is its items with blanks between them, which only scopes
// can have, and a list of mappings is JSON.
func scalar(n *yaml.Node) (string, bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "", true
		}
		return n.Value, true
	case yaml.SequenceNode:
		if slices.ContainsFunc(n.Content, func(item *yaml.Node) bool { return item.Kind == yaml.MappingNode }) {
			var entries []map[string]any
			if n.Decode(&entries) != nil {
				return "", false
			}
			text, err := json.Marshal(entries)
			return string(text), err == nil
		}
		var words []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", false
			}
			words = append(words, item.Value)
		}
		return strings.Join(words, " "), true
	}
	return "", false
}
