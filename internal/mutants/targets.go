package main

// targets are the code that decides what a caller may see. What only costs time (how many targets of a chain are listed
// first, in which order an And is asked) is left out: no answer depends on it.
var targets = []target{
	{kind: "guard", dir: "search", files: []string{"guard.go", "linked.go"}},
	{kind: "guard", dir: "search", files: []string{"include.go"}, only: []string{"References", "refers", "sources", "targets"}},
	{kind: "guard", dir: "search/plan", files: []string{"resolve.go", "held.go", "panel.go"}},
	{kind: "simplify", dir: "search", files: []string{"simplify.go"}},
	{kind: "simplify", dir: "search", files: []string{"panel.go"}, but: []string{"String"}},
	{kind: "lower", dir: "search/plan", files: []string{"lower.go", "probe.go", "every.go", "read.go", "history.go"}},
	{kind: "lower", dir: "search/plan", files: []string{"build.go"}, but: []string{"rank"}},
	{kind: "lower", dir: "search/plan", files: []string{"join.go"}, only: []string{"bind", "resolve", "resolveAll", "joins", "ref", "back", "lead", "led", "leads", "named", "references"}},
	{kind: "lower", dir: "search/plan", files: []string{"include.go"}},
	{kind: "compartment", dir: "compartments", files: []string{"compartments.go", "outside.go"}},
	{kind: "compartment", dir: "search/index", files: []string{"only.go"}},
	{kind: "scope", dir: "auth/scope", files: []string{"access.go", "letters.go", "own.go", "policy.go", "reach.go", "scope.go", "set.go", "constraint.go"}},
	{kind: "access", dir: "server/interaction", files: []string{"access.go", "condition.go", "look.go"}, but: []string{"clip"}},
}
