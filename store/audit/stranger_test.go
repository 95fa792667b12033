package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store/audit"
	"github.com/firewarden/firewarden/store/storetest"
)

// TestStrangersAreBounded: however many requests of callers are refused who have not shown who they are, the log holds so
// many of them in a while and no more, of one network fewer, with few of their words; the others it counts. Those of a
// caller who is known it holds all, and what a stranger is given, too.
func TestStrangersAreBounded(t *testing.T) {
	st := storetest.NewMemory()
	defer st.Close()
	now := begun
	l, err := audit.Open(t.Context(), audit.Options{Store: st, Indexer: &index.Indexer{Base: storetest.Base}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(address string, who audit.Who, known bool, status int) {
		t.Helper()
		trail := l.Begin(audit.Record{Address: address})
		if known {
			trail.By(who)
		} else {
			trail.Claims(who)
		}
		otherwise := func() audit.Act {
			return audit.Act{Code: "search-type", Type: "Patient", Query: "name=" + strings.Repeat("x", 4000)}
		}
		if err := trail.End(status, otherwise); err != nil {
			t.Fatal(err)
		}
	}
	const tried = 3000
	for i := range tried {
		ask("192.0.2.1", audit.Who{}, false, http.StatusUnauthorized)                               // one address
		ask(fmt.Sprintf("2001:db8::%x", i), audit.Who{}, false, http.StatusUnauthorized)            // one network
		ask(fmt.Sprintf("2001:db8:%x::1", i), audit.Who{Client: "x"}, false, http.StatusBadRequest) // many
	}
	ask("192.0.2.1", audit.Who{Client: "anonymous"}, false, http.StatusOK)
	for range 200 {
		ask("192.0.2.1", ann, true, http.StatusForbidden)
	}
	if n := l.Figures().Waiting; n != 1000+1+200 {
		t.Errorf("%d records of %d tries", n, 3*tried+201)
	}
	now = now.Add(10 * time.Minute) // the next one ends the window, and is told
	ask("192.0.2.9", audit.Who{}, false, http.StatusUnauthorized)
	ask("192.0.2.9", audit.Who{}, false, http.StatusUnauthorized)
	for range 150 {
		ask("192.0.2.8", audit.Who{}, false, http.StatusUnauthorized)
	}
	working, stop := context.WithCancel(t.Context())
	stop()
	l.Run(working, func(err error) { t.Error(err) }) // the log ends
	flush(t, l)

	_, counts := audit.Codes(audit.Strangers)
	events := map[string]int{}
	counted := map[int]string{}
	for _, row := range find(t, l.Store(), plan.All{}, plan.Window{Limit: 5000}).Rows {
		var e struct {
			Subtype []struct{ Code string }
			Outcome string
			Agent   []struct{ Network struct{ Address string } }
			Entity  []struct {
				Query  []byte
				Detail []struct{ Type, ValueString string }
			}
		}
		if err := json.Unmarshal(row.Body, &e); err != nil {
			t.Fatal(err)
		}
		for _, x := range e.Entity {
			for _, d := range x.Detail {
				if n, _ := strconv.Atoi(d.ValueString); d.Type == "count" && e.Subtype[0].Code == counts {
					counted[n] = e.Agent[0].Network.Address
				}
			}
			if known := strings.Contains(string(row.Body), `"altId":"ann"`); !known && e.Outcome != "0" && len(x.Query) > 250 {
				t.Fatalf("%d bytes of a stranger's words", len(x.Query))
			}
		}
		events[e.Agent[0].Network.Address]++
	}
	if len(counted) != 2 || counted[3*tried-1000] == "192.0.2.1" {
		t.Errorf("counted %v, want %d of several addresses and 50 of one", counted, 3*tried-1000)
	}
	if from, ok := counted[50]; !ok || from != "192.0.2.8" {
		t.Errorf("counted %v, want 50 of 192.0.2.8", counted)
	}
	if n := events["192.0.2.1"]; n != 100+1+200 {
		t.Errorf("%d events of an address that tried %d times and 201 times rightly or as somebody known", n, tried)
	}
	if events["192.0.2.9"] != 2 {
		t.Errorf("%d events in the next window, want 2", events["192.0.2.9"])
	}
}
