package fhirpath

import (
	"slices"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
)

// Env is what an expression is evaluated in. A zero field has the default that is said there.
type Env struct {
	Resource *fhir.Node // %resource, whose contained resources resolve sees; the focus
	Root     *fhir.Node // %rootResource; Resource
	Now      time.Time  // now() and today(), which are empty without it
	Steps    int        // most steps of one evaluation; 1,000,000
	Items    int        // most items of one collection; 100,000
}

// Eval appends to dst the items that the expression gives on the focus. env may be nil. Errors are of KindTooCostly
// (a limit) or KindProcessing (an operator that is not defined for its operands).
func (x *Expr) Eval(dst []Item, focus Item, env *Env) ([]Item, error) {
	if p, ok := x.root.(*pathOp); ok { // needs nothing on the heap
		r := run{model: x.model}
		r.start(focus, env)
		return r.walk(p.steps, focus, dst)
	}
	r := &run{model: x.model, context: focus, this: []Item{focus}}
	r.start(focus, env)
	return x.root.eval(r, r.this, dst)
}

func (r *run) start(focus Item, env *Env) {
	if env != nil {
		r.env = *env
	}
	if r.env.Resource == nil {
		r.env.Resource = focus.Node
	}
	if r.env.Root == nil {
		r.env.Root = r.env.Resource
	}
	if r.env.Steps == 0 {
		r.env.Steps = 1_000_000
	}
	if r.env.Items == 0 {
		r.env.Items = 100_000
	}
}

// Test evaluates the expression as a condition: true if it gives true; an empty result is false, and so is one that
// is no boolean.
func (x *Expr) Test(focus Item, env *Env) (bool, error) {
	var space [4]Item
	out, err := x.Eval(space[:0], focus, env)
	if err != nil {
		return false, err
	}
	return len(out) == 1 && truth(out) == yes, nil
}

// run is one evaluation.
type run struct {
	model   Model
	env     Env
	context Item
	this    []Item // $this
	index   int    // $index
	total   []Item // $total
	steps   int
	free    [][]Item
}

// tick counts a step and refuses one too many.
func (r *run) tick(size int) error {
	if r.steps++; r.steps > r.env.Steps || size > r.env.Items {
		return errCostly
	}
	return nil
}

// get is a collection to fill; put gives it back.
func (r *run) get() []Item {
	if n := len(r.free); n > 0 {
		c := r.free[n-1]
		r.free = r.free[:n-1]
		return c[:0]
	}
	return make([]Item, 0, 8)
}

func (r *run) put(c []Item) { r.free = append(r.free, c) }

// op is a node of a compiled expression. eval appends its result to dst; in is the collection on the left of the dot,
// or $this at the start of an expression.
type op interface {
	eval(r *run, in, dst []Item) ([]Item, error)
}

type (
	pathOp    struct{ steps []step }
	emptyOp   struct{}
	literalOp struct{ it Item }
	envOp     uint8
	indexVar  struct{}
	totalVar  struct{}
	dotOp     struct{ left, right op }
	indexOp   struct{ left, at op }
	unionOp   struct{ args []op }
	resolveOp struct{ left op }
	isOp      struct {
		left op
		typ  spec
	}
	filterOp struct {
		left op
		typ  spec
	}
	unaryOp struct {
		sign string
		x    op
	}
	binaryOp struct {
		f           func(r *run, a, b, dst []Item) ([]Item, error)
		left, right op
	}
	callOp struct {
		f    func(r *run, in []Item, args []op, dst []Item) ([]Item, error)
		left op
		args []op
	}
)

const (
	envResource envOp = iota
	envRoot
	envContext
)

func (o *pathOp) eval(r *run, in, dst []Item) ([]Item, error) {
	var err error
	for i := range in {
		if dst, err = r.walk(o.steps, in[i], dst); err != nil {
			return dst, err
		}
	}
	return dst, r.tick(len(dst))
}

func (emptyOp) eval(_ *run, _, dst []Item) ([]Item, error) { return dst, nil }

func (o *literalOp) eval(_ *run, _, dst []Item) ([]Item, error) { return append(dst, o.it), nil }

func (o envOp) eval(r *run, _, dst []Item) ([]Item, error) {
	switch o {
	case envResource:
		return append(dst, Root(r.env.Resource)), nil
	case envRoot:
		return append(dst, Root(r.env.Root)), nil
	}
	return append(dst, r.context), nil
}

func (indexVar) eval(r *run, _, dst []Item) ([]Item, error) {
	return append(dst, integer(r.index)), nil
}
func (totalVar) eval(r *run, _, dst []Item) ([]Item, error) { return append(dst, r.total...), nil }

func (o *dotOp) eval(r *run, in, dst []Item) ([]Item, error) {
	left, err := o.left.eval(r, in, r.get())
	if err == nil {
		dst, err = o.right.eval(r, left, dst)
	}
	r.put(left)
	return dst, err
}

func (o *indexOp) eval(r *run, in, dst []Item) ([]Item, error) {
	left, err := o.left.eval(r, in, r.get())
	if err != nil {
		return dst, err
	}
	defer r.put(left)
	i, ok, err := r.integer(o.at)
	if err == nil && ok && i >= 0 && i < len(left) {
		dst = append(dst, left[i])
	}
	return dst, err
}

func (o *unionOp) eval(r *run, in, dst []Item) ([]Item, error) {
	all, err := r.get(), error(nil)
	for _, a := range o.args {
		if all, err = a.eval(r, in, all); err != nil {
			return dst, err
		}
	}
	dst, err = r.distinct(all, dst)
	r.put(all)
	return dst, err
}

func (o *resolveOp) eval(r *run, in, dst []Item) ([]Item, error) {
	left, err := o.left.eval(r, in, r.get())
	for i := range left {
		if t := referenced(left[i], r.env.Resource); t.Type != "" {
			dst = append(dst, t)
		}
	}
	r.put(left)
	return dst, err
}

func (o *isOp) eval(r *run, in, dst []Item) ([]Item, error) {
	left, err := o.left.eval(r, in, r.get())
	if err == nil && len(left) > 1 {
		err = fault("is needs one item, there are several")
	}
	if err == nil && len(left) == 1 {
		dst = append(dst, boolean(o.typ.is(left[0])))
	}
	r.put(left)
	return dst, err
}

func (o *filterOp) eval(r *run, in, dst []Item) ([]Item, error) {
	left, err := o.left.eval(r, in, r.get())
	for i := range left {
		if o.typ.is(left[i]) {
			dst = append(dst, left[i])
		}
	}
	r.put(left)
	return dst, err
}

func (o *unaryOp) eval(r *run, in, dst []Item) ([]Item, error) {
	x, err := o.x.eval(r, in, r.get())
	if err == nil && len(x) > 0 {
		if o.sign == "+" {
			dst = append(dst, x...)
		} else {
			dst, err = negate(x, dst)
		}
	}
	r.put(x)
	return dst, err
}

func (o *binaryOp) eval(r *run, _, dst []Item) ([]Item, error) {
	if err := r.tick(0); err != nil {
		return dst, err
	}
	a, err := o.left.eval(r, r.this, r.get())
	if err != nil {
		return dst, err
	}
	b, err := o.right.eval(r, r.this, r.get())
	if err == nil {
		dst, err = o.f(r, a, b, dst)
	}
	r.put(a)
	r.put(b)
	return dst, err
}

func (o *callOp) eval(r *run, in, dst []Item) ([]Item, error) {
	if err := r.tick(len(dst)); err != nil {
		return dst, err
	}
	left, err := o.left.eval(r, in, r.get())
	if err == nil {
		dst, err = o.f(r, left, o.args, dst)
	}
	r.put(left)
	return dst, err
}

// each evaluates a lambda for each item of in and hands its result to f until f says that it has enough.
func (r *run) each(in []Item, x op, f func(i int, out []Item) bool) error {
	this, index := r.this, r.index
	defer func() { r.this, r.index = this, index }()
	for i := range in {
		if err := r.tick(0); err != nil {
			return err
		}
		r.this, r.index = in[i:i+1], i
		out, err := x.eval(r, r.this, r.get())
		more := err == nil && f(i, out)
		r.put(out)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// value evaluates an argument that is no lambda.
func (r *run) value(x op) ([]Item, error) { return x.eval(r, r.this, nil) }

// distinct appends the items of in that are not equal to one before.
func (r *run) distinct(in, dst []Item) ([]Item, error) {
	if len(in) > 32 {
		if seen := texts(in); seen != nil {
			for i := range in {
				if text, _ := in[i].Value(); !seen[text] {
					seen[text] = true
					dst = append(dst, in[i])
				}
			}
			return dst, r.tick(len(dst))
		}
	}
	from := len(dst)
	for i := range in {
		found := false
		for j := from; j < len(dst) && !found; j++ {
			if err := r.tick(0); err != nil {
				return dst, err
			}
			found = same(dst[j], in[i])
		}
		if !found {
			dst = append(dst, in[i])
		}
	}
	return dst, nil
}

// texts is an empty set if all items are strings, else nil.
func texts(in []Item) map[string]bool {
	for i := range in {
		if _, ok := in[i].Value(); !ok || in[i].kind() != String {
			return nil
		}
	}
	return make(map[string]bool, len(in))
}

func same(a, b Item) bool {
	if a.Node != nil && a.Node == b.Node {
		return true
	}
	return equal(a, b) == yes
}

func fault(why string) error { return fhir.Errorf(fhir.KindProcessing, "", "FHIRPath: %s", why) }

func contains(in []Item, it Item) bool {
	return slices.ContainsFunc(in, func(o Item) bool { return same(o, it) })
}
