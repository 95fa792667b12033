package program

import (
	"bytes"
	"regexp"
	"sync"
	"testing"
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

// Await waits until something that fits a regular expression has been written, and gives it. It ends the test if it never
// is.
func (o *Output) Await(t testing.TB, pattern string) (text string) {
	t.Helper()
	fits := regexp.MustCompile(pattern)
	if !until(func() bool { text = fits.FindString(o.String()); return text != "" }) {
		t.Fatalf("nothing like %s is said: %s", pattern, o.String())
	}
	return text
}
