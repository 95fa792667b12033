package history

import (
	"strings"
	"testing"
	"time"
)

// good is a history of everything, and the state that it leads to.
func good() ([]Op, State) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ops := []Op{
		{Kind: Create, Value: "a", Began: 0, Ended: 1, Result: Acknowledged, Size: 1, Places: []Place{{"r", 1, "a"}}},
		{Kind: Update, Value: "b", Began: 2, Ended: 3, Result: Acknowledged, Size: 1, Places: []Place{{"r", 2, "b"}}},
		{Kind: Look, Began: 4, Ended: 5, Result: Acknowledged, Places: []Place{{"r", 2, "b"}}},
		{Kind: Update, Value: "refused", Began: 4, Ended: 5, Result: Refused, Size: 1},
		{Kind: Transaction, Value: "t", Began: 6, Ended: 7, Result: Unknown, Size: 2},
		{Kind: Transaction, Value: "u", Began: 8, Ended: 9, Result: Unknown, Size: 2},
		{Kind: Once, Value: "o", Began: 0, Ended: 9, Result: Acknowledged, Size: 1},
	}
	return ops, State{
		"r": {{1, "a", "", at}, {2, "b", "a", at}, {3, "t", "b", at.Add(1)}},
		"s": {{1, "t", "", at}},
		"o": {{1, "o", "", at}},
	}
}

func TestCheck(t *testing.T) {
	if faults := Check(good()); faults != nil {
		t.Fatalf("of a server that keeps its word: %v", faults)
	}
	for _, tt := range []struct {
		name  string
		spoil func(ops []Op, s State) []Op
		want  string
	}{
		{"an acknowledged write is not there", func(ops []Op, s State) []Op { delete(s, "o"); return ops }, "lost: the conditional create o"},
		{"nothing is there of a resource", func(ops []Op, s State) []Op { delete(s, "r"); return ops }, "lost: the update b"},
		{"an update on what it had not read", func(ops []Op, s State) []Op { s["r"][2].Before = "a"; return ops }, "lost update: version 3 of r"},
		{"an update that is gone", func(ops []Op, s State) []Op {
			s["r"] = append(s["r"][:1], Version{2, "t", "a", s["r"][2].At})
			return ops
		}, "lost: the update b"},
		{"a version is missing", func(ops []Op, s State) []Op { s["r"] = append(s["r"][:1], s["r"][2]); return ops }, "r has no version between 1 and 3"},
		{"half of a transaction", func(ops []Op, s State) []Op { delete(s, "s"); return ops }, "torn: the transaction t (unknown)"},
		{"half of an acknowledged one", func(ops []Op, s State) []Op { ops[4].Result = Acknowledged; delete(s, "s"); return ops }, "torn: the transaction t (acknowledged)"},
		{"a create twice", func(ops []Op, s State) []Op { s["o2"] = s["o"]; return ops }, "doubled: the conditional create o"},
		{"an update twice", func(ops []Op, s State) []Op {
			s["r"] = append(s["r"], Version{4, "t", "t", s["r"][2].At})
			return ops
		}, "doubled: the transaction t (unknown) is in r twice"},
		{"a refused write", func(ops []Op, s State) []Op { s["x"] = []Version{{1, "refused", "", time.Time{}}}; return ops }, "was refused and is there"},
		{"a write of nobody", func(ops []Op, s State) []Op { s["x"] = []Version{{1, "what", "", time.Time{}}}; return ops }, "which nobody wrote"},
		{"elsewhere than was said", func(ops []Op, s State) []Op { ops[6].Places = []Place{{"p", 1, "o"}}; return ops }, "was acknowledged as {p 1 o}"},
		{"a read of what is gone", func(ops []Op, s State) []Op { ops[2].Places[0].Value = "gone"; return ops }, "what was read is not there: {r 2 gone}"},
		{"an old read", func(ops []Op, s State) []Op { ops[2].Places[0] = Place{"r", 1, "a"}; return ops }, "the read of version 1 of r began 1ns after the update of version 2 was answered"},
		{"an earlier version later", func(ops []Op, s State) []Op { ops[0].Began, ops[0].Ended = 10, 11; return ops }, "the create of version 1 of r began 7ns after the update of version 2"},
		{"time goes back", func(ops []Op, s State) []Op { s["r"][2].At = s["r"][2].At.Add(-time.Hour); return ops }, "version 3 of r is older"},
	} {
		ops, s := good()
		ops = tt.spoil(ops, s)
		if faults := strings.Join(Check(ops, s), "\n"); !strings.Contains(faults, tt.want) {
			t.Errorf("%s: found %q, not %q", tt.name, faults, tt.want)
		}
	}
}
