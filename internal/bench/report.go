package bench

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Sized is what was measured on one number of patients.
type Sized struct {
	Store               string // of several; "" is the only one
	Patients, Resources int
	Import              Figure
	Results             []Result
	Besides             []Beside
	Start, Restart      time.Duration // to the first read, after a stop and after a kill
	Memory              int64         // bytes at the highest, after the searches
	Disk                float64       // bytes of a resource, compacted
}

// Marks stand around what a report replaces in a file.
const (
	Mark        = "<!-- bench: made by firewarden bench --report -->"
	MarkMongoDB = "<!-- bench: made by firewarden bench --mongodb --report -->"
	markEnd     = "<!-- /bench -->"
)

// WriteReport puts a report between a mark of a file and the end behind it.
func WriteReport(path, mark, report string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	before, rest, ok := strings.Cut(string(text), mark)
	_, after, end := strings.Cut(rest, markEnd)
	if !ok || !end {
		return fmt.Errorf("%s has no place for the report: the lines %s and %s", path, mark, markEnd)
	}
	if err := os.WriteFile(path, []byte(before+mark+"\n"+report+markEnd+after), 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// Report is what was measured on several sizes, the smallest first, as Markdown.
func Report(sizes []Sized) string {
	b := &report{sizes: slices.SortedStableFunc(slices.Values(sizes), func(a, b Sized) int { return a.Patients - b.Patients })}
	b.head("")
	for _, x := range []struct {
		name string
		cell func(*Sized) string
	}{
		{"import, resources a second", func(s *Sized) string { return thousands(int(float64(s.Import.Units) / s.Import.Elapsed.Seconds())) }},
		{"disk of a resource, all indexes and history, compacted", func(s *Sized) string { return fmt.Sprintf("%.2f KB", s.Disk/1000) }},
		{"memory at its highest, after the searches", func(s *Sized) string { return fmt.Sprintf("%.0f MB", float64(s.Memory)/1e6) }},
		{"start to the first read", func(s *Sized) string { return fmt.Sprintf("%.0f ms", millis(s.Start)) }},
		{"the same after `kill -9`", func(s *Sized) string { return fmt.Sprintf("%.0f ms", millis(s.Restart)) }},
	} {
		b.row(x.name, x.cell)
	}
	b.section("Searches, 4 connections: median (server's CPU; index entries and documents read).", "search, goal", func(x *Result) bool { return x.Target > 0 },
		func(x *Result) string { return fmt.Sprintf("%s %s, %g ms", x.ID, x.Name, x.Target) },
		func(_ *Sized, x *Result) string {
			return fmt.Sprintf("%.2f ms (%.2f ms; %s)", millis(x.Figure.P50), millis(x.Figure.CPU), known(float64(x.Reads), "%.0f"))
		})
	b.section("Work: operations a second (median, 99th percentile).", "work, connections", func(x *Result) bool { return x.ID[0] == 'W' && !x.compared() },
		func(x *Result) string { return fmt.Sprintf("%s %s, %d", x.ID, x.Name, x.Clients) },
		func(_ *Sized, x *Result) string {
			return fmt.Sprintf("%s (%.1f, %.1f ms)", thousands(int(x.Figure.PerSecond())), millis(x.Figure.P50), millis(x.Figure.P99))
		})
	b.section("Limits: server's CPU for a search by an app's token for one patient, and how many times that of the same search by somebody without limits.",
		"search", func(x *Result) bool { return x.ID[0] == 'E' && strings.HasSuffix(x.ID, "a") },
		func(x *Result) string { return x.ID + " " + x.Name },
		func(s *Sized, x *Result) string {
			free := s.find(strings.TrimSuffix(x.ID, "a")+"f", x.Clients)
			return fmt.Sprintf("%.3f ms (%.2f)", millis(x.Figure.CPU), x.Figure.CPU.Seconds()/free.Figure.CPU.Seconds())
		})
	b.besides()
	return b.String()
}

// besides says how searches of a database compare with their floors.
func (b *report) besides() {
	for i := range b.sizes {
		for j := range b.sizes[i].Besides {
			x := &b.sizes[i].Besides[j]
			fmt.Fprintf(b, "\n%s %s, %s patients, %s.\n", x.Shape, x.Name, thousands(b.sizes[i].Patients), x)
		}
	}
}

// report writes tables with a column for each size.
type report struct {
	strings.Builder
	sizes []Sized
}

func (b *report) head(first string) {
	fmt.Fprintf(b, "| %s |", first)
	for i := range b.sizes {
		s := &b.sizes[i]
		b.WriteByte(' ')
		if s.Store != "" {
			b.WriteString(s.Store + ": ")
		}
		fmt.Fprintf(b, "%s patients, %s resources |", thousands(s.Patients), thousands(s.Resources))
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(b.sizes)) + "\n")
}

func (b *report) row(name string, cell func(*Sized) string) {
	fmt.Fprintf(b, "| %s |", name)
	for i := range b.sizes {
		fmt.Fprintf(b, " %s |", cell(&b.sizes[i]))
	}
	b.WriteByte('\n')
}

// section is a table of the results that are kept, if there are any.
func (b *report) section(title, first string, keep func(*Result) bool, name func(*Result) string, cell func(*Sized, *Result) string) {
	begun := false
	for i := range b.sizes[0].Results {
		x := &b.sizes[0].Results[i]
		if !keep(x) {
			continue
		}
		if !begun {
			fmt.Fprintf(b, "\n%s\n\n", title)
			b.head(first)
			begun = true
		}
		b.row(name(x), func(s *Sized) string {
			y := s.find(x.ID, x.Clients)
			switch {
			case y == nil:
				return ""
			case y.Err != nil:
				return "wrong"
			}
			return cell(s, y)
		})
	}
}

// find is the result of a shape or workload, nil if there is none.
func (s *Sized) find(id string, clients int) *Result {
	for i := range s.Results {
		if x := &s.Results[i]; x.ID == id && x.Clients == clients {
			return x
		}
	}
	return nil
}

// thousands writes a number with commas.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
