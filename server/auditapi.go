package server

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/server/interaction"
	"github.com/firewarden/firewarden/server/ui"
	"github.com/firewarden/firewarden/store/audit"
)

// Where scripts of administrators read the audit log, and have it proved.
const (
	auditMount  = apiPrefix + "audit"
	verifyMount = auditMount + "/verify"
)

// auditFile is the size of a download, in events.
const auditFile = 10_000

// apiAudit answers administrators' scripts with events: format is json, ndjson or csv.
func (x *exchange) apiAudit() error {
	x.setBytes(hCacheControl, vNoStore)
	r, err := x.byAdministrator()
	if err != nil {
		return err
	}
	q := r.URL.Query()
	return x.auditFile(interaction.Caller{Access: administrator{}, Grant: "administrator"}, q, cmp.Or(q.Get("format"), "json"))
}

// auditSteps is how many pages of a search a download reads, of which those that find little are not full.
const auditSteps = 20

// auditFile answers with as many events as a file holds; X-Next-Page says where the next one goes on.
func (x *exchange) auditFile(c interaction.Caller, q url.Values, format string) error {
	if format != "json" && format != "ndjson" && format != "csv" {
		return fhir.Errorf(fhir.KindInvalid, "", "format is json, ndjson or csv")
	}
	var all []ui.AuditEvent
	next := q.Get("page")
	for steps := 1; ; steps++ {
		q.Set("page", next)
		list, after, err := x.events(c, q, 1000)
		if err != nil {
			return err
		}
		if all, next = append(all, list...), after; next == "" || len(all) >= auditFile || steps == auditSteps {
			if next != "" {
				x.res.Header.Set("X-Next-Page", next)
			}
			break
		}
	}
	var b bytes.Buffer
	media := "application/json"
	switch e := json.NewEncoder(&b); format {
	case "json":
		if err := e.Encode(map[string]any{"events": append([]ui.AuditEvent{}, all...)}); err != nil {
			return err
		}
	case "ndjson":
		media = "application/x-ndjson"
		for i := range all {
			if err := e.Encode(&all[i]); err != nil {
				return err
			}
		}
	case "csv":
		media = "text/csv; charset=utf-8"
		w := csv.NewWriter(&b)
		w.Write([]string{"id", "time", "user", "client", "address", "interaction", "resource", "patient", "query", "outcome", "count"})
		for _, e := range all {
			w.Write([]string{e.ID, e.Time.UTC().Format(time.RFC3339Nano), cell(e.User), cell(e.Client), e.Address, e.Interaction, e.Resource, e.Patient, cell(e.Query), e.Outcome, e.Count})
		}
		w.Flush()
	}
	if format != "json" {
		x.res.Header.Set("Content-Disposition", `attachment; filename="audit.`+format+`"`)
	}
	x.res.Header.SetContentType(media)
	x.res.SetBodyRaw(b.Bytes())
	return nil
}

// cell keeps a spreadsheet from taking what somebody has typed for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// verified is the answer of one step of a verification.
type verified struct {
	Batches  uint64 `json:"batches"` // that were read, of so many
	Of       uint64 `json:"of"`
	Records  int    `json:"records"`
	Sum      string `json:"sum"`
	Unlinked int    `json:"unlinked,omitempty"` // records that are in no batch yet
	Fault    string `json:"fault,omitempty"`    // where the log is not what was written: there is no next step
	Next     string `json:"next,omitempty"`     // to be asked for with after; "" when all is read
}

// apiVerify proves the audit log for an administrator, a few batches with each request: nobody waits for it.
func (x *exchange) apiVerify() error {
	x.setBytes(hCacheControl, vNoStore)
	r, err := x.byAdministrator()
	if err != nil {
		return err
	}
	v, err := verification(r.URL.Query())
	if err != nil {
		return x.apiError(err)
	}
	if x.s.o.Audit == nil {
		return x.apiError(fhir.Errorf(fhir.KindNotFound, "", "there is no audit log"))
	}
	done, err := x.s.o.Audit.Verify(x.context(), v)
	var broken audit.Broken
	if err != nil && !errors.As(err, &broken) {
		return err
	}
	out := verified{Batches: v.Batches, Of: v.Of, Records: v.Records, Sum: hex.EncodeToString(v.Sum[:]), Unlinked: v.Unlinked}
	switch {
	case err != nil:
		out.Fault = err.Error()
	case !done:
		out.Next = base64.RawURLEncoding.EncodeToString(v.Append(nil))
	}
	return x.apiAnswer(http.StatusOK, out)
}

// verification is the one that a request begins or goes on with.
func verification(q url.Values) (*audit.Verification, error) {
	if after := q.Get("after"); after != "" {
		if b, err := base64.RawURLEncoding.DecodeString(after); err == nil {
			if v, err := audit.ReadVerification(b); err == nil {
				return v, nil
			}
		}
		return nil, fhir.Errorf(fhir.KindInvalid, "", "after is no next of an answer of this path")
	}
	var since [sha256.Size]byte
	b, err := hex.DecodeString(q.Get("since"))
	if err != nil || len(b) != 0 && len(b) != sha256.Size {
		return nil, fhir.Errorf(fhir.KindInvalid, "", "since is no sum of 64 hexadecimal digits")
	}
	copy(since[:], b)
	return audit.NewVerification(since)
}
