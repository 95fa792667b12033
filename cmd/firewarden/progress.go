package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// progress says on Stderr how far a long work is: one line that is written again on a terminal, a line from time to
// time elsewhere.
type progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	begun    time.Time
	total    int64        // of read; 0: not known
	read     atomic.Int64 // bytes, of which total are to be read
	done     atomic.Int64 // of the noun
	of       atomic.Int64 // how many there will be; 0: not known
	noun     string       // resources

	mu      sync.Mutex // guards out, written and last
	written int        // length of the line on the terminal
	last    time.Time  // when a line was written elsewhere

	end   chan struct{}
	ended sync.WaitGroup
}

func startProgress(m *Main, total int64) *progress {
	p := &progress{out: m.Stderr, terminal: isTerminal(m.Stderr), now: m.Now, begun: m.Now(), total: total, noun: "resources", end: make(chan struct{})}
	p.last = p.begun
	p.ended.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.tick()
			case <-p.end:
				return
			}
		}
	})
	return p
}

// every is how often a line is written where lines stay.
const every = 5 * time.Second

func (p *progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.terminal {
		p.clear()
		line := p.line(now)
		fmt.Fprint(p.out, line)
		p.written = len(line)
	} else if now.Sub(p.last) >= every {
		p.last = now
		fmt.Fprintln(p.out, p.line(now))
	}
}

func (p *progress) line(now time.Time) string {
	took := now.Sub(p.begun)
	done := p.done.Load()
	text := fmt.Sprintf("%s %s, %s a second", grouped(int(done)), p.noun, grouped(int(float64(done)/max(took.Seconds(), 0.001))))
	part := 0.0
	if p.total > 0 {
		part = min(float64(p.read.Load())/float64(p.total), 1)
	} else if of := p.of.Load(); of > 0 {
		part = min(float64(done)/float64(of), 1)
	}
	if part > 0 {
		text += fmt.Sprintf(", %.0f %%, %s left", 100*part, short(time.Duration(float64(took)*(1-part)/part)))
	}
	return text
}

// set is told by a work how far it is.
func (p *progress) set(done, of int) {
	p.done.Store(int64(done))
	p.of.Store(int64(of))
}

// clear removes the line from the terminal.
func (p *progress) clear() {
	if p.written > 0 {
		fmt.Fprintf(p.out, "\r%*s\r", p.written, "")
		p.written = 0
	}
}

// say writes a line of its own.
func (p *progress) say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *progress) stop() {
	close(p.end)
	p.ended.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) elapsed() time.Duration { return p.now().Sub(p.begun) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
