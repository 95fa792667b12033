package interaction

import (
	"net/http"
	"strconv"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/plan"
)

// response writes the Bundle that answers a batch or transaction.
func (s *Service) response(kind string, entries []*entry, o BundleOptions) []byte {
	size := 100
	for _, e := range entries {
		size += 250 + len(s.Base) + len(e.got.Row.Body) + len(e.got.Bundle) + len(e.got.Parameters)
		if e.write != nil && o.Return == ReturnRepresentation {
			size += len(e.write.result.Row.Body)
		}
	}
	b := make([]byte, 0, size)
	b = append(append(append(b, `{"resourceType":"Bundle","type":"`...), kind...), `-response"`...)
	for i, e := range entries {
		open := `,"entry":[{`
		if i > 0 {
			open = ",{"
		}
		b = append(s.appendEntry(append(b, open...), e, o), '}')
	}
	if len(entries) > 0 {
		b = append(b, ']')
	}
	return append(b, '}')
}

func (s *Service) appendEntry(b []byte, e *entry, o BundleOptions) []byte {
	if e.err != nil {
		b = appendStatus(b, Status(e.err))
		return append(append(append(b, `,"outcome":`...), OperationOutcome(e.err)...), '}')
	}
	result := e.got
	if e.write != nil {
		result = e.write.result
	}
	row := result.Row
	status := [...]int{OK: http.StatusOK, Created: http.StatusCreated, NoContent: http.StatusNoContent}[result.Effect]
	outcome := e.write != nil && o.Return == ReturnOperationOutcome
	if result.Count > 1 { // nothing else says what became of it
		status, outcome = http.StatusOK, true
	}
	switch {
	case result.Bundle != nil:
		b = append(append(append(b, `"resource":`...), result.Bundle...), ',')
	case result.Parameters != nil:
		b = append(append(append(b, `"resource":`...), result.Parameters...), ',')
	case e.read != nil:
		if version, ok := parseETag(e.ifNoneMatch); ok && version == row.Version {
			status = http.StatusNotModified
		} else {
			b = s.appendResource(b, row)
		}
	case o.Return == ReturnRepresentation && result.Readable:
		b = s.appendResource(b, row)
	}
	b = appendStatus(b, status)
	if row.Type != "" {
		if e.write != nil && !row.Deleted {
			b = append(s.appendLocation(append(b, `,"location":"`...), row), '"')
		}
		b = appendString(append(b, `,"etag":`...), ETag(row.Version))
		b = append(b, `,"lastModified":"`...)
		b = append(fhir.AppendInstant(b, time.UnixMicro(row.LastUpdated)), '"')
	}
	if outcome {
		b = append(append(b, `,"outcome":`...), Informational(result.Summary())...)
	}
	return append(b, '}')
}

// appendResource begins an entry with its fullUrl and resource.
func (s *Service) appendResource(b []byte, row plan.Row) []byte {
	b = append(s.appendInstance(append(b, `"fullUrl":"`...), row), `","resource":`...)
	return append(append(b, row.Body...), ',')
}

// appendStatus opens response and writes its status.
func appendStatus(b []byte, status int) []byte {
	b = append(b, `"response":{"status":"`...)
	b = append(strconv.AppendInt(b, int64(status), 10), ' ')
	return append(append(b, http.StatusText(status)...), '"')
}
