package why

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/firewarden/firewarden/auth/scope"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/store/audit"
)

// Asker explains what a Service would answer.
type Asker struct {
	Service *interaction.Service
	Ceiling *scope.Set // the most that the caller's client may be granted; nil: that is not told
}

// Answer is the explanation of one resource.
type Answer struct {
	Ref     string   `json:"ref"`
	State   string   `json:"state"` // current, deleted or absent
	Version uint64   `json:"version,omitempty"`
	Faults  []string `json:"faults,omitempty"`  // what of the access opens nothing, because it cannot be evaluated
	Letters []Letter `json:"letters,omitempty"` // c r u d s; none of what is absent. Of a deleted one its last live content counts
}

// The states of a resource.
const (
	Current = "current"
	Deleted = "deleted"
	Absent  = "absent"
)

// Letter is what becomes of the interaction of one letter.
type Letter struct {
	Letter      string  `json:"letter"`
	Interaction string  `json:"interaction"` // read, search, …
	Allowed     bool    `json:"allowed"`
	Answer      string  `json:"answer"`           // of the server: 404
	Reason      string  `json:"reason,omitempty"` // why it is refused
	Scopes      []Scope `json:"scopes,omitempty"`
	// User and Client are what the user's policy and the client's ask; nil where there is no more to ask.
	User   *Test `json:"userPolicy,omitempty"`
	Client *Test `json:"clientPolicy,omitempty"`
	// Smallest are the scopes that would do, beside those that there are and within the policies; none if it is allowed, or
	// if none would. Registered says whether the client may be granted them as it is registered.
	Smallest   []string `json:"smallest,omitempty"`
	Registered *bool    `json:"registered,omitempty"`
}

// Unregistered says whether Smallest is beyond the client's registration.
func (l Letter) Unregistered() bool { return l.Registered != nil && !*l.Registered }

// Scope is what one scope adds to the decision.
type Scope struct {
	Scope      string `json:"scope"`
	Matches    bool   `json:"matches"`
	Failed     string `json:"failed,omitempty"` // type, letter, context or constraint: the first that does not hold
	Reason     string `json:"reason,omitempty"`
	Link       string `json:"link,omitempty"`    // the parameter that links the resource to the patient
	Context    *Test  `json:"context,omitempty"` // what its level reaches; nil is everything
	Constraint *Test  `json:"constraint,omitempty"`
}

// Act is what the audit log calls an explanation: it tells values of what it explains.
const Act = "$why"

// letters are the interactions in the order of the letters.
var letters = [...]string{search.Create: "create one like it", search.Read: "read", search.Update: "update", search.Delete: "delete", search.Search: "search"}

// Why explains what the caller may do to a resource. A type that R4 does not have is the error of a read of it.
func (a Asker) Why(ctx context.Context, c interaction.Caller, typ, id string) (Answer, error) {
	answer := Answer{Ref: typ + "/" + id, State: Absent}
	if !r4.Searchable(typ) || !fhir.ValidID(id) {
		return answer, fhir.Errorf(fhir.KindValue, "ref", "%q is no resource, as in Observation/9", answer.Ref)
	}
	snap, err := a.Service.Store.Snapshot(ctx)
	if err != nil {
		return answer, err
	}
	defer snap.Close()
	if c.Access, err = plan.Settle(ctx, snap, c.Access, a.Service.Indexer); err != nil {
		return answer, err
	}
	if access, ok := c.Access.(*scope.Access); ok {
		for _, fault := range access.Faults() {
			answer.Faults = append(answer.Faults, fhir.DiagnosticsOf(fault))
		}
	}
	e := explanation{Asker: a, ctx: ctx, src: snap, caller: c}
	var found bool
	d := audit.Do(ctx, audit.Act{Code: Act, Type: typ, ID: id, Status: http.StatusOK})
	if e.of, found, err = a.Service.Instance(ctx, snap, typ, id); err != nil || !found {
		return answer, err
	}
	d.Saw([]plan.Row{e.of.Row})
	answer.State, answer.Version = Current, e.of.Row.Version
	if e.of.Row.Deleted {
		answer.State = Deleted
	}
	for i := search.Create; i <= search.Search; i++ {
		l, err := e.letter(i)
		if err != nil {
			return answer, fmt.Errorf("explain %s: %w", answer.Ref, err)
		}
		answer.Letters = append(answer.Letters, l)
	}
	return answer, nil
}

// explanation is one resource under one access, on one snapshot.
type explanation struct {
	Asker
	ctx    context.Context
	src    plan.Source
	caller interaction.Caller
	of     interaction.Instance
}

// refused says what would be answered; err is the server's own fault.
func (e *explanation) refused(access search.Access, i search.Interaction) (refusal, err error) {
	refusal = e.Service.Refusal(e.ctx, e.src, interaction.Caller{Access: access}, i, e.of)
	if refusal != nil && fhir.KindOf(refusal) == fhir.KindException {
		return nil, refusal
	}
	return refusal, nil
}

func (e *explanation) letter(i search.Interaction) (l Letter, err error) {
	l = Letter{Letter: "cruds"[i : i+1], Interaction: letters[i]}
	refusal, err := e.refused(e.caller.Access, i)
	if err != nil {
		return l, err
	}
	l.Allowed, l.Answer = refusal == nil, answers(i, refusal)
	access, ok := e.caller.Access.(*scope.Access)
	if !ok { // not by scopes
		return l, nil
	}
	shares := access.Shares(i, e.of.Row.Type)
	through, err := e.shares(&l, shares)
	if err == nil && (i == search.Create || through && !l.Allowed && i == search.Update) {
		shares = access.ContentShares(i, e.of.Row.Type)
		after := *e
		if after.of.Content, err = e.Service.Written(i, e.of); err == nil {
			through, err = after.shares(&l, shares)
		}
	}
	if err != nil || l.Allowed {
		return l, err
	}
	l.Reason = reason(&l, shares, through, e.of.Row, refusal)
	if e.of.Row.Deleted {
		return l, nil
	}
	if l.Smallest, err = e.smallest(access, i); len(l.Smallest) > 0 && e.Ceiling != nil {
		would, _ := scope.Parse(strings.Join(l.Smallest, " "))
		registered := e.Ceiling.Covers(would)
		l.Registered = &registered
	}
	return l, err
}

// answers is what the server answers to the interaction.
func answers(i search.Interaction, refusal error) string {
	status := interaction.Status(refusal)
	switch {
	case refusal == nil && i == search.Create:
		return "201"
	case refusal == nil && i == search.Delete:
		return "204"
	case refusal == nil:
		return "200"
	case status == http.StatusForbidden:
		return "403"
	case i == search.Search:
		return "200 without it"
	case i == search.Delete:
		return "204, and nothing happens"
	}
	return fmt.Sprint(status)
}

// shares tells what each scope adds, and whether the resource is in all of it together.
func (e *explanation) shares(l *Letter, s scope.Shares) (through bool, err error) {
	l.Scopes = nil
	for _, share := range s.Scopes {
		one, err := e.scope(l.Letter, share)
		if err != nil {
			return false, err
		}
		l.Scopes = append(l.Scopes, one)
		through = through || one.Matches
	}
	if l.User, err = e.ask(s.User); err != nil {
		return false, err
	}
	l.Client, err = e.ask(s.Client)
	return through && holds(l.User) && holds(l.Client) && !s.Never, err
}

// scope tells what one scope adds.
func (e *explanation) scope(letter string, s scope.Share) (one Scope, err error) {
	one = Scope{Scope: s.Scope.Text()}
	if !s.Names {
		one.Failed, one.Reason = "letter", fmt.Sprintf("it has the letters %s, not %s", s.Scope.Letters, letter)
		if s.Scope.Type != "*" && s.Scope.Type != e.of.Row.Type {
			one.Failed, one.Reason = "type", fmt.Sprintf("it is about %s", s.Scope.Type)
		}
		return one, nil
	}
	if one.Context, err = e.ask(s.Reach); err != nil {
		return one, err
	}
	if one.Constraint, err = e.ask(s.Where); err != nil {
		return one, err
	}
	one.Matches, one.Link = holds(one.Context) && holds(one.Constraint), one.Context.link()
	switch {
	case s.Reach == search.None:
		one.Failed, one.Reason = "context", fmt.Sprintf("%s/ reaches no %s with the letter %s here", s.Scope.Level, e.of.Row.Type, letter)
	case s.Where == search.None:
		one.Failed, one.Reason = "constraint", "its constraint cannot be evaluated"
	case !holds(one.Context):
		one.Failed, one.Reason = "context", one.Context.fault()
	case !holds(one.Constraint):
		one.Failed, one.Reason = "constraint", one.Constraint.fault()
	}
	return one, nil
}

// reason is why a letter is refused, in a sentence.
func reason(l *Letter, s scope.Shares, through bool, row plan.Row, refusal error) string {
	named := ""
	for _, one := range l.Scopes {
		if one.Failed == "context" || one.Failed == "constraint" {
			named = one.Scope + ": " + one.Reason
		}
	}
	switch {
	case row.Deleted && through:
		return "the resource was deleted"
	case s.Never:
		return "to delete needs a scope of its own"
	case !holds(l.User):
		return "the user's policy does not reach it: " + l.User.fault()
	case !holds(l.Client):
		return "the client's policy does not reach it: " + l.Client.fault()
	case through: // by what content must be beside that
		return fhir.DiagnosticsOf(refusal)
	case named != "":
		return named
	}
	return fmt.Sprintf("no scope names %s with the letter %s", row.Type, l.Letter)
}
