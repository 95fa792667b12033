package bench

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// tokenClients is how many connections ask the authorization server.
const tokenClients = 4

// Tokens measures what it costs to be somebody: the same search by nobody in particular (T1), by a token (T2) and by a
// patient's token (T3); searches of a patient's data by the patient's token and without limits (E1 to E4, limits.go); T4 introspection, T5 tokens for backend services, T6 refreshes. It needs the administrator's
// key, and says so without it.
func (r *Run) Tokens(ctx context.Context) error {
	if !slices.ContainsFunc([]string{"T1", "T2", "T3", "T4", "T5", "T6", "E1", "E2", "E3", "E4"}, r.wanted) {
		return nil
	}
	if r.Key == "" {
		fmt.Fprintln(r.Out, "tokens are not measured: there is no administrator's key")
		return nil
	}
	g, err := r.grantee(ctx)
	if err != nil {
		r.record(Result{ID: "T", Name: "clients, a user and tokens to measure with", Err: err})
		return nil
	}
	r.head()
	if err := r.searchesByToken(ctx, g); err != nil {
		return err
	}
	if err := r.limits(ctx, g); err != nil {
		return err
	}
	for _, l := range []struct {
		id, name string
		op       func(c *Client, rng *rand.Rand) (int, error)
	}{
		{"T4", "introspection of an access token", g.introspect},
		{"T5", "token of a backend service (ES384)", g.serve},
		{"T6", "refresh", g.refresh},
	} {
		if !r.wanted(l.id) {
			continue
		}
		f, err := r.measure(ctx, tokenClients, l.op)
		r.record(Result{ID: l.id, Name: l.name, Clients: tokenClients, Figure: f, Err: err})
	}
	return ctx.Err()
}

// rounds is how often the searches that are compared take turns: the load of a machine changes meanwhile.
const rounds = 7

// searchesByToken asks one page in turns by nobody, by a token, and by the token of the patient whom it is about.
func (r *Run) searchesByToken(ctx context.Context, g *grantee) error {
	if !slices.ContainsFunc([]string{"T1", "T2", "T3"}, r.wanted) {
		return nil
	}
	p := 0
	for i := range r.World.Patients {
		if o := r.World.Patients[i].Obs; o[1]-o[0] >= PageSize {
			p = i
			break
		}
	}
	byPatient, err := g.mint("patient/*.rs", PatientID(p))
	if err != nil {
		r.record(Result{ID: "T3", Name: "token of a patient", Err: err})
		return nil
	}
	page := r.World.observationsOf("/fhir/Observation?patient="+PatientID(p), r.World.Patients[p].Obs[0], r.World.Patients[p].Obs[1], false, all)
	by := func(token string) Request {
		q := page
		if token != "" {
			q.Header = []string{"Authorization: Bearer " + token}
		}
		return q
	}
	list := []struct {
		id, name string
		q        Request
		figures  []Figure
	}{
		{id: "T1", name: "page of 20 observations, by nobody", q: by("")},
		{id: "T2", name: "the same, by a token (system/*.rs)", q: by(g.token)},
		{id: "T3", name: "the same, by a patient's token (patient/*.rs)", q: by(byPatient)},
	}
	for i := range list {
		if err := r.verify(&list[i].q); err != nil {
			r.record(Result{ID: list[i].id, Name: list[i].name, Err: err})
			return nil
		}
	}
	for range rounds {
		for i := range list {
			if err := ctx.Err(); err != nil {
				return err
			}
			f, err := r.measure(ctx, tokenClients, asking([]Request{list[i].q}))
			if err != nil {
				r.record(Result{ID: list[i].id, Name: list[i].name, Err: err})
				return nil
			}
			list[i].figures = append(list[i].figures, f)
		}
	}
	added := func(i int) float64 { // of turns, which had much the same machine
		var percent []float64
		for round, f := range list[i].figures {
			percent = append(percent, (float64(f.cost())/float64(list[0].figures[round].cost())-1)*100)
		}
		slices.Sort(percent)
		return percent[len(percent)/2]
	}
	for _, l := range list {
		r.record(Result{ID: l.id, Name: l.name, Clients: tokenClients, Figure: middle(l.figures)})
	}
	fmt.Fprintf(r.Out, "|      | = a token adds %+.1f %% to the search, a patient's %+.1f %%\n", added(1), added(2))
	return nil
}

// cost is what an operation costs: CPU of the server, or its latency where that is not known.
func (f Figure) cost() time.Duration {
	if f.CPU > 0 {
		return f.CPU
	}
	return f.P50
}

// middle is the figure whose cost is the median.
func middle(list []Figure) Figure {
	list = slices.SortedFunc(slices.Values(list), func(a, b Figure) int { return int(a.cost() - b.cost()) })
	return list[len(list)/2]
}

// grantee is who tokens are given to: a backend service with a key, and an app with a secret that a user has allowed to
// work while away.
type grantee struct {
	r         *Run
	base      string
	signer    jose.Signer
	token     string // of the backend service, for system/*.rs
	secret    string // of the app
	refreshes []atomic.Pointer[string]
	next      atomic.Int64
}

const (
	service  = "bench-service"
	appOf    = "bench-app"
	appTo    = "https://bench.example.org/callback"
	appAsks  = "openid offline_access user/*.rs"
	bearerOf = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// assertion is a JWT by which the backend service proves itself (SMART Backend Services).
func (g *grantee) assertion() (string, error) {
	claims := fmt.Appendf(nil, `{"iss":%q,"sub":%q,"aud":%q,"exp":%d,"jti":"%d-%d"}`, service, service, g.base+"/auth/token",
		time.Now().Add(time.Minute).Unix(), time.Now().UnixNano(), g.next.Add(1))
	signed, err := g.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// granted is what the authorization server says.
type granted struct {
	Token   string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Active  bool   `json:"active"`
	Scope   string `json:"scope"`
}

// post sends a form; with a secret it is the app's.
func (g *grantee) post(c *Client, path string, form url.Values, secret bool) (a granted, err error) {
	header := []string{"Content-Type: application/x-www-form-urlencoded"}
	if secret {
		header = append(header, "Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(appOf+":"+g.secret)))
	}
	res, err := c.Do("POST", path, []byte(form.Encode()), header...)
	if err := status(res, err, 200); err != nil {
		return a, err
	}
	return a, json.Unmarshal(res.Body, &a)
}

func (g *grantee) introspect(c *Client, _ *rand.Rand) (int, error) {
	a, err := g.post(c, "/auth/introspect", url.Values{"token": {g.token}}, true)
	if err == nil && (!a.Active || a.Scope != "system/*.rs") {
		err = fmt.Errorf("the token is told to be %+v", a)
	}
	return 1, err
}

func (g *grantee) serve(c *Client, _ *rand.Rand) (int, error) {
	assertion, err := g.assertion()
	if err != nil {
		return 0, err
	}
	a, err := g.post(c, "/auth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion_type": {bearerOf}, "client_assertion": {assertion}}, false)
	if err == nil && (a.Token == "" || a.Scope != "system/*.rs") {
		err = errors.New("no token for system/*.rs")
	}
	return 1, err
}

// refresh exchanges a token that no other connection has.
func (g *grantee) refresh(c *Client, _ *rand.Rand) (int, error) {
	var mine *atomic.Pointer[string]
	var token *string
	for i := range g.refreshes {
		if token = g.refreshes[i].Swap(nil); token != nil {
			mine = &g.refreshes[i]
			break
		}
	}
	if token == nil {
		return 0, errors.New("more connections than refresh tokens")
	}
	a, err := g.post(c, "/auth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {*token}}, true)
	if err == nil && (a.Token == "" || a.Refresh == "" || a.Refresh == *token) {
		err = errors.New("no new tokens")
	}
	mine.Store(&a.Refresh)
	return 1, err
}
