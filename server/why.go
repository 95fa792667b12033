package server

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/server/ui"
	"github.com/firewarden/firewarden/server/why"
)

// whyMount is where explanations are asked for.
const whyMount = "/api/why"

// maxRefs is how many resources one question may be about.
const maxRefs = 100

// question is what an explanation is asked for: whose access, to what. GET takes it from the address, except a token,
// which no log of addresses is to hold; POST from a JSON object.
type question struct {
	auth.Whose
	Refs []string `json:"ref"`
}

// explained is the answer: of each resource, why the caller may touch it or not.
type explained struct {
	Client  string       `json:"client,omitempty"`
	User    string       `json:"user,omitempty"`
	Patient string       `json:"patient,omitempty"`
	Scope   string       `json:"scope"`
	Answers []why.Answer `json:"answers"`
}

// why answers administrators about whatever access they name, and in a sandbox the holder of an access token about that
// one. It tells what exists, so nobody else is let in.
func (x *exchange) why() error {
	r, err := x.request()
	if err != nil {
		return err
	}
	x.setBytes(hCacheControl, vNoStore)
	administrator := x.isAdministrator(r)
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !administrator && !(x.s.o.Sandbox && strings.EqualFold(scheme, "Bearer")) {
		return errLogin()
	}
	var caller *auth.Caller
	if !administrator { // before the question is read
		if caller, err = x.s.o.Auth.Bearer(r.Context(), strings.TrimSpace(token)); errors.Is(err, auth.ErrToken) {
			return errLogin()
		} else if err != nil {
			return err
		}
		x.by(caller.Who())
	}
	q, err := questionOf(r)
	switch {
	case err != nil:
	case administrator:
		if caller, err = x.s.o.Auth.CallerOf(r.Context(), q.Whose); err != nil {
			err = notTheirs(err)
		}
	case q.Whose != (auth.Whose{}):
		err = fhir.Errorf(fhir.KindForbidden, "", "an access token explains itself: only administrators name another one")
	}
	var answer explained
	if err == nil {
		answer, err = x.s.explain(r, caller, q.Refs)
	}
	if err != nil {
		return x.apiError(err)
	}
	return x.apiAnswer(http.StatusOK, answer)
}

// explain answers for each resource.
func (s *Server) explain(r *http.Request, c *auth.Caller, refs []string) (explained, error) {
	out := explained{Client: c.Client, User: c.User, Patient: c.Launch.Patient, Scope: c.Scopes.Text(), Answers: []why.Answer{}}
	if len(refs) == 0 || len(refs) > maxRefs {
		return out, fhir.Errorf(fhir.KindRequired, "ref", "ref is needed, as in ref=Observation/9, up to %d times", maxRefs)
	}
	for _, ref := range refs {
		typ, id, _ := strings.Cut(strings.TrimPrefix(ref, s.o.Service.Base+"/"), "/")
		a, err := why.Asker{Service: s.o.Service, Ceiling: &c.Ceiling}.Why(r.Context(), interaction.Caller{Access: c.Access}, typ, id)
		if err != nil {
			return out, err
		}
		out.Answers = append(out.Answers, a)
	}
	return out, nil
}

func questionOf(r *http.Request) (q question, err error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		v := r.URL.Query()
		for name := range v {
			if !slices.ContainsFunc(asked[whyMount], func(p ui.Parameter) bool { return p.Name == name }) {
				return q, fhir.Errorf(fhir.KindValue, "", "the parameters are ref, grant, client, scope, patient and user; a token is sent by POST, in a JSON object")
			}
		}
		q.Refs = v["ref"]
		q.Grant = v.Get("grant")
		q.Mint = auth.Mint{Client: v.Get("client"), Scope: v.Get("scope"), Patient: v.Get("patient"), User: v.Get("user")}
		return q, nil
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return q, err
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return q, fhir.Errorf(fhir.KindStructure, "", `a JSON object is needed, as in {"token": "…", "ref": ["Observation/9"]}`)
	}
	q.Token = strings.TrimSpace(q.Token)
	return q, nil
}

// apiAnswer answers as all of /api does.
func (x *exchange) apiAnswer(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	x.send(status, b)
	x.res.Header.SetContentTypeBytes(vJSON)
	return nil
}

// notTheirs is why there is no such caller, for administrators.
func notTheirs(err error) error {
	var oauth *auth.Error
	switch {
	case errors.Is(err, auth.ErrToken):
		return fhir.Errorf(fhir.KindNotFound, "", "the token opens nothing: it is expired, revoked, or not one of this server")
	case errors.Is(err, auth.ErrAbsent):
		return fhir.Errorf(fhir.KindNotFound, "", "%s", err)
	case errors.As(err, &oauth):
		return fhir.Errorf(fhir.KindInvalid, "", "%s", oauth.Text)
	}
	return fhir.Errorf(fhir.KindInvalid, "", "%s", fhir.DiagnosticsOf(err))
}

// apiError answers with {"error": …}, as all of /api does; the server's own faults are answered as everywhere.
func (x *exchange) apiError(err error) error {
	if fhir.KindOf(err) == fhir.KindException {
		return err
	}
	x.fault = err
	return x.apiAnswer(interaction.Status(err), map[string]string{"error": fhir.DiagnosticsOf(err)})
}
