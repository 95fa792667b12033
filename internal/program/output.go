package program

import (
	"bytes"
	"sync"
)

// Output is what something writes while a test reads it: a process, a log. The zero Output is empty.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends, as of io.Writer.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

// String is what has been written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}
