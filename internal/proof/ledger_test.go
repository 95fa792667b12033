package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/firewarden/firewarden/internal/proof/model"
)

// anEvent stands for the id of an event in a request.
const anEvent = "EVENT"

var (
	eventID   = regexp.MustCompile(`"id":"([0-9a-f]{32})"`)
	eventIDs  = regexp.MustCompile(`%[0-9A-F]{2}|[0-9a-f]{32}`) // what is escaped stays
	requestID = regexp.MustCompile(`"value":"(world-[0-9]+|-?[0-9]+-[0-9]+)"`)
	queries   = regexp.MustCompile(`"query":"[A-Za-z0-9+/=]+"`)
)

// ledger is what the log of a world holds, and what the tokens of a case see of it. The ids of events are the server's, and
// random: in its stead an event has a name by what it says.
type ledger struct {
	c     *Case
	m     *model.Model
	names map[string]string
	shown map[string]bool  // ids of those that a token sees, or has caused
	times map[string]int   // how often the log says a thing
	other []*model.Version // events of who is not one of the tokens
	own   []string         // events of the tokens' requests, all of them
	seen  []sight          // of other
}

// sight is an event that a token sees, of somebody else.
type sight struct {
	token   int
	name    string
	request string // that it is about
}

func newLedger(c *Case, world []Op) *ledger {
	return &ledger{c: c, m: c.modelled(world), names: map[string]string{}, shown: map[string]bool{}, times: map[string]int{}}
}

// enter takes in the events of a request, or of the making of the world.
func (l *ledger) enter(events []json.RawMessage, own bool) error {
	for _, body := range events {
		id := string(eventID.FindSubmatch(body)[1])
		if l.names[id] != "" {
			continue
		}
		text := l.rename(strings.Replace(string(body), id, "", 1))
		l.times[text]++
		sum := sha256.Sum256(fmt.Append(nil, l.times[text], text))
		l.names[id] = hex.EncodeToString(sum[:16])
		v, err := l.m.Log(id, body)
		if err != nil {
			return err
		}
		if l.shown[id] = own; own {
			l.own = append(l.own, text)
		} else {
			l.other = append(l.other, v)
			l.look(v)
		}
	}
	return nil
}

// look notes an event if one of the tokens sees it.
func (l *ledger) look(v *model.Version) {
	for i, t := range append([]model.Token{l.c.Token}, l.c.Others...) {
		if l.m.Reaches(t, v) {
			l.shown[v.ID] = true
			l.seen = append(l.seen, sight{i, l.names[v.ID], string(requestID.FindSubmatch([]byte(v.Text))[1])})
		}
	}
}

// apart are the requests that tokens see in one of two worlds to have been made, and not in the other.
func (l *ledger) apart(other *ledger) (requests []string) {
	for i := range max(len(l.seen), len(other.seen)) {
		if i < len(l.seen) && !slices.Contains(other.seen, l.seen[i]) {
			requests = append(requests, l.seen[i].request)
		}
		if i < len(other.seen) && !slices.Contains(l.seen, other.seen[i]) {
			requests = append(requests, other.seen[i].request)
		}
	}
	if requests == nil && !slices.Equal(l.seen, other.seen) {
		panic("the log tells the same in another order")
	}
	return requests
}

// alone is how many events of others another world does not have.
func (l *ledger) alone(other *ledger) (n int) {
	has := map[string]bool{}
	for _, v := range other.other {
		has[other.names[v.ID]] = true
	}
	for _, v := range l.other {
		if !has[l.names[v.ID]] {
			n++
		}
	}
	return n
}

// departs says how what the tokens have left in the log departs from what they have left in another world.
func (l *ledger) departs(other *ledger) string {
	for i := range max(len(l.own), len(other.own)) {
		if one, two := append(l.own, "")[i], append(other.own, "")[i]; one != two {
			return fmt.Sprintf("the log has of what the tokens have done in one world\n%s\nin the other\n%s", one, two)
		}
	}
	return ""
}

// follow is what a write of whoever made the world changes: perhaps what policies open.
func (l *ledger) follow(i int, q Request) {
	l.m.Ask(l.c.token(q), q.modelled(i))
	for _, v := range l.other {
		l.look(v)
	}
}

// aimed is a request about an event: one of those that the token sees, in turns, or with a negative number one of those
// that no token has seen.
func (l *ledger) aimed(q Request) Request {
	if !strings.Contains(q.Path+q.Body, anEvent) {
		return q
	}
	var list []string
	for _, v := range l.m.Current("AuditEvent") {
		if v.Logged && (q.Event >= 0 && l.m.Reaches(l.c.token(q), v) || q.Event < 0 && !l.shown[v.ID]) {
			list = append(list, v.ID)
		}
	}
	id := strings.Repeat("0", 32)
	if len(list) > 0 {
		id = list[max(q.Event, -q.Event)%len(list)]
	}
	q.Path, q.Body = strings.ReplaceAll(q.Path, anEvent, id), strings.ReplaceAll(q.Body, anEvent, id)
	return q
}

// renamed is what was answered with the names of events instead of their ids.
func (l *ledger) renamed(all []answer) []answer {
	for i, a := range all {
		all[i].path, all[i].header, all[i].body = l.rename(a.path), l.rename(a.header), l.rename(a.body)
	}
	return all
}

// rename replaces the ids of events in a text, those in what was asked, too.
func (l *ledger) rename(text string) string {
	text = queries.ReplaceAllStringFunc(text, func(s string) string {
		asked, err := base64.StdEncoding.DecodeString(s[len(`"query":"`) : len(s)-1])
		if err != nil {
			return s
		}
		return `"query":` + strconv.Quote(string(asked))
	})
	return eventIDs.ReplaceAllStringFunc(text, func(s string) string {
		switch {
		case len(s) < 32:
			return s
		case l.shown[s]:
			return l.names[s]
		}
		return "one that is not there, or not to be seen"
	})
}
