package mongo

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"

	"github.com/firewarden/firewarden/store"
	"github.com/firewarden/firewarden/store/storetest"
)

// What the database examines for the last try of a search counts too: a filter may read more than a page shows.
func TestHidden(t *testing.T) {
	testURI(t)
	r := &recorder{}
	var s *Store
	storetest.Hidden(t, func(t *testing.T) store.Store {
		s = openMonitored(t, &event.CommandMonitor{Started: r.started})
		s.estimates.time = time.Minute
		return s
	}, func(typ string, ask func()) int {
		commands := r.record(ask)
		for i := len(commands) - 1; i >= 0; i-- {
			if strings.Contains(fmt.Sprint(commands[i]), "t "+typ) || strings.Contains(fmt.Sprint(commands[i]), `"t":"`+typ+`"`) {
				x := s.explained(t, commands[i])
				return int(x.keys + x.docs)
			}
		}
		t.Errorf("nothing was asked of %s", typ)
		return 0
	})
}
