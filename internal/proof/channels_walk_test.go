package proof

import "testing"

// TestChannelsOfPeople walks through the channels that are pages and programs of the authorization server and of
// administrators, as each of the persons and by an app of each kind of scopes, in two worlds that differ in nothing but what
// they may not see: all that is answered on the way is equal, byte for byte. Who sees everything is told of the difference,
// unless a channel has none.
func TestChannelsOfPeople(t *testing.T) {
	for engine := range timed {
		t.Run(engine, func(t *testing.T) {
			c := &strolls{engine: engine, sees: map[string]bool{}, tells: map[string]bool{}}
			for _, who := range persons {
				c.compare(t, who, false)
				c.compare(t, who, true)
			}
			apps := 0
			for _, k := range kinds {
				if engine == "memory" || k.often {
					if c.compare(t, person{name: k.name, app: k.token}, true) {
						apps++
					}
				}
			}
			for _, ch := range channels {
				switch {
				case ch.rows != nil || engine != "memory":
				case ch.why == "" && !(c.sees[ch.name] && c.tells[ch.name]):
					t.Errorf("%s asserts nothing: somebody sees something: %v, something hidden would show: %v", ch.name, c.sees[ch.name], c.tells[ch.name])
				case ch.why != "" && (c.sees[ch.name] || c.tells[ch.name]):
					t.Errorf("data flows through %s", ch.name)
				}
			}
			t.Logf("channels: of pages and programs × %d persons, in a sandbox or not, or × %d kinds of scopes: %d pairs of worlds, %d answers compared", len(persons), apps, c.pairs, c.answers)
		})
	}
}

// strolls are walks on one engine.
type strolls struct {
	engine         string
	everything     map[string][]told // who sees everything, in the fixed world
	sees, tells    map[string]bool   // by channel
	pairs, answers int
}

// compare walks through two worlds; false if there cannot be such an app.
func (c *strolls) compare(t *testing.T, who person, sandbox bool) bool {
	t.Helper()
	other, shown := withoutHidden(fixed, who.app), seenBy(who.app)
	one, two := walk(t, c.engine, fixed, sandbox, who, shown), walk(t, c.engine, other, sandbox, who, shown)
	for name := range one {
		c.pairs++
		c.answers += len(one[name])
		if at := departs(one[name], two[name]); at >= 0 {
			t.Errorf("%s, %s, sandbox %v: %s\nin one world: %s\nin the other: %s", name, who.name, sandbox, one[name][at].asked, one[name][at].answer, two[name][min(at, len(two[name])-1)].answer)
		}
	}
	if c.engine != "memory" || !who.pages || !sandbox {
		return len(one) > 0
	}
	// Whether the channels could tell, too.
	all := seenBy(administrator.app)
	if c.everything == nil {
		c.everything = walk(t, c.engine, fixed, sandbox, administrator, all)
	}
	empty, hidden := walk(t, c.engine, nil, sandbox, who, shown), walk(t, c.engine, other, sandbox, administrator, all)
	for name := range one {
		c.sees[name] = c.sees[name] || departs(one[name], empty[name]) >= 0
		c.tells[name] = c.tells[name] || departs(c.everything[name], hidden[name]) >= 0
	}
	return true
}

// walk walks through all channels that are walked through and says what was answered, by channel.
func walk(t *testing.T, engine string, world []Op, sandbox bool, who person, shown []string) map[string][]told {
	t.Helper()
	w := &walker{whole: openWhole(t, engine, world, sandbox, who), person: who, shown: shown}
	defer w.close()
	out := map[string][]told{}
	if w.token() == "" {
		return out
	}
	for i, ch := range channels {
		w.channel, w.count = ch.name, 1000*i // whatever went before
		w.leave()
		switch {
		case ch.app != nil:
			ch.app(w)
		case ch.walk != nil && who.pages:
			ch.walk(w)
		}
	}
	for _, one := range w.told {
		out[one.channel] = append(out[one.channel], one)
		if one.status >= 500 && one.status != 501 {
			t.Errorf("%s: %s\n%s", one.channel, one.asked, one.answer)
		}
	}
	return out
}

// departs is the place of the first answer that is not the same, -1 if there is none.
func departs(one, two []told) int {
	for i := range one {
		if i >= len(two) || one[i].asked.Path != two[i].asked.Path || one[i].answer != two[i].answer {
			return i
		}
	}
	if len(two) > len(one) {
		return len(one) - 1
	}
	return -1
}
