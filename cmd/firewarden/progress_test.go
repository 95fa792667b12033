package main

import (
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
)

func TestProgressLine(t *testing.T) {
	var out program.Output
	now := time.Date(2026, 6, 30, 12, 0, 0, 0, time.UTC)
	p := &progress{out: &out, now: func() time.Time { return now }, begun: now, last: now, total: 4000, noun: "resources"}
	p.done.Store(12_000)
	p.read.Store(1000)
	now = now.Add(4 * time.Second)
	p.tick()
	if out.String() != "" {
		t.Errorf("a line too early: %q", out.String())
	}
	now = now.Add(2 * time.Second)
	p.tick()
	if got, want := out.String(), "12,000 resources, 2,000 a second, 25 %, 18 s left\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	p.terminal = true
	p.tick()
	p.say("a fault")
	if got := out.String(); !strings.HasSuffix(got, "\r a fault\n") && !strings.HasSuffix(got, "\ra fault\n") {
		t.Errorf("the line stays on the terminal: %q", got)
	}

	work := &progress{now: func() time.Time { return now }, begun: now.Add(-time.Minute), noun: "instances"}
	work.set(500, 2000)
	if got, want := work.line(now), "500 instances, 8 a second, 25 %, 3 min left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTextForPeople(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 92_114: "92,114", 1_000_000: "1,000,000", -1000: "-1,000"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %s", n, got)
		}
	}
	for d, want := range map[time.Duration]string{0: "0 s", 89 * time.Second: "89 s", 10 * time.Minute: "10 min", 3*time.Hour + 5*time.Minute: "3 h 5 min"} {
		if got := short(d); got != want {
			t.Errorf("short(%s) = %s", d, got)
		}
	}
	if plural(1, "fault") != "1 fault" || plural(2000, "file") != "2,000 files" {
		t.Error("plural")
	}
}

func TestCompleteLines(t *testing.T) {
	for line, want := range map[string]bool{
		`{"a":1}`: true, ` {"a":{"b":"}"}} ` + "\n": true, `{"a":"\"}"}`: true, `{`: false, `{"a":1}{"b":2}`: false, `{"a":1},`: false, `[1]`: false, ``: false, `{"a":"}`: false,
	} {
		if got := complete([]byte(line)); got != want {
			t.Errorf("complete(%s) = %v", line, got)
		}
	}
}
