package fhir

import "time"

// Resource is a resource as its sender wrote it, parsed once. Neither Bytes nor the tree change after Parse.
type Resource struct {
	Bytes []byte
	Root  *Node
	Type  string // resourceType
	ID    string // "" if the body has none
}

// Limits bound what Parse accepts.
type Limits struct {
	Depth int // nesting of objects and arrays
	Bytes int
}

// DefaultLimits hold for request bodies.
var DefaultLimits = Limits{Depth: 100, Bytes: 64 << 20}

// Stamp is what the server sets in a resource that it stores.
type Stamp struct {
	ID          string
	VersionID   string
	LastUpdated time.Time // written as an instant in UTC with milliseconds
	// Keep are tags, security labels and profiles of the version before that an update omits (R4 "Resource.meta":
	// they stay unless removed by $meta-delete); nil for a create.
	Keep *Node // meta of the version before
}
