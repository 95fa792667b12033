package proof

import "testing"

// TestChannelsOfPeople walks through the channels that are pages and programs of the authorization server and of
// administrators, as each of the persons, in two worlds that differ in nothing but what that person may not see: all that is
// answered on the way is equal, byte for byte. Who sees everything is told of the difference, unless a channel has none.
func TestChannelsOfPeople(t *testing.T) {
	everybody := person{"who sees everything", "all", "Practitioner/1"}
	for engine := range timed {
		t.Run(engine, func(t *testing.T) {
			sees, tells := map[string]bool{}, map[string]bool{}
			pairs, answers := 0, 0
			for _, sandbox := range []bool{false, true} {
				looks := engine == "memory" && sandbox // whether the channels could tell, too
				var all map[string][]told
				if looks {
					all = walk(t, engine, fixed, sandbox, everybody, seenBy(everybody.token()))
				}
				for _, who := range persons {
					other, shown := withoutHidden(fixed, who.token()), seenBy(who.token())
					one, two := walk(t, engine, fixed, sandbox, who, shown), walk(t, engine, other, sandbox, who, shown)
					for name := range one {
						pairs++
						answers += len(one[name])
						if at := departs(one[name], two[name]); at >= 0 {
							t.Errorf("%s, %s, sandbox %v: %s\nin one world: %s\nin the other: %s", name, who.name, sandbox, one[name][at].asked, one[name][at].answer, two[name][min(at, len(two[name])-1)].answer)
						}
					}
					if !looks {
						continue
					}
					empty, hidden := walk(t, engine, nil, sandbox, who, shown), walk(t, engine, other, sandbox, everybody, seenBy(everybody.token()))
					for name := range one {
						sees[name] = sees[name] || departs(one[name], empty[name]) >= 0
						tells[name] = tells[name] || departs(all[name], hidden[name]) >= 0
					}
				}
			}
			for _, ch := range channels {
				switch {
				case ch.walk == nil || engine != "memory":
				case ch.why == "" && !(sees[ch.name] && tells[ch.name]):
					t.Errorf("%s asserts nothing: some person sees something: %v, something hidden would show: %v", ch.name, sees[ch.name], tells[ch.name])
				case ch.why != "" && (sees[ch.name] || tells[ch.name]):
					t.Errorf("data flows through %s", ch.name)
				}
			}
			t.Logf("channels: of pages and programs × %d persons × sandbox or not: %d pairs of worlds, %d answers compared", len(persons), pairs, answers)
		})
	}
}

// walk walks through all channels that are walked through and says what was answered, by channel.
func walk(t *testing.T, engine string, world []Op, sandbox bool, who person, shown []string) map[string][]told {
	t.Helper()
	out := map[string][]told{}
	t.Run("", func(t *testing.T) {
		w := &walker{whole: openWhole(t, engine, world, sandbox, who), person: who, shown: shown}
		for i, ch := range channels {
			if ch.walk != nil {
				w.channel, w.count = ch.name, 1000*i // whatever went before
				w.leave()
				ch.walk(w)
			}
		}
		for _, one := range w.told {
			out[one.channel] = append(out[one.channel], one)
			if one.status >= 500 && one.status != 501 {
				t.Errorf("%s: %s\n%s", one.channel, one.asked, one.answer)
			}
		}
	})
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
