package synth

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// writeHistory writes what spans visits: problems with their drugs, allergies, smoking, vaccinations, screening.
func (c *chart) writeHistory() {
	for i, o := range c.onset {
		p := problems[o.problem]
		v := c.visitFor(o.problem)
		c.put("Condition", c.id("problem", fmt.Sprintf("%02d", i+1)),
			"meta", profile("us-core-condition-problems-health-concerns"),
			"clinicalStatus", term("condition-clinical", "active", "Active"),
			"verificationStatus", term("condition-ver-status", "confirmed", "Confirmed"),
			"category", list{term("condition-category", "problem-list-item", "Problem List Item")},
			"code", p.code.concept(), "subject", reference(c.patient, c.name()), "encounter", object{"reference", v.ref()},
			"onsetDateTime", o.on, "recordedDate", day(v.at),
			"asserter", reference(practitioners[v.doctor].ref(), practitioners[v.doctor].name()))
		for _, drug := range p.drugs {
			c.writePrescription(v, drug, c.problemRef(o.problem), time.Time{})
		}
	}
	c.writeAllergies()
	if c.age(c.last()) >= 14 {
		c.writeSmoking()
	}
	c.writeVaccinations()
	c.writeScreening()
}

// visitFor is the first visit on account of a problem.
func (c *chart) visitFor(problem string) *visit {
	for _, v := range c.visits {
		if slices.Contains(v.problems, problem) {
			return v
		}
	}
	panic("synth: no visit for " + problem)
}

func (c *chart) writeAllergies() {
	clinical := term("allergyintolerance-clinical", "active", "Active")
	verified := term("allergyintolerance-verification", "confirmed", "Confirmed")
	first := c.visits[0]
	if len(c.allergies) == 0 {
		c.put("AllergyIntolerance", c.id("allergy", "00"),
			"meta", profile("us-core-allergyintolerance"), "clinicalStatus", clinical, "verificationStatus", verified,
			"code", code{snomed, "716186003", "No known allergy"}.concept(), "patient", reference(c.patient, c.name()),
			"recordedDate", instant(first.at))
		return
	}
	for i, key := range c.allergies {
		a := allergies[key]
		risk, severity := "low", "mild"
		if a.high {
			risk, severity = "high", "severe"
		}
		c.put("AllergyIntolerance", c.id("allergy", fmt.Sprintf("%02d", i+1)),
			"meta", profile("us-core-allergyintolerance"), "clinicalStatus", clinical, "verificationStatus", verified,
			"type", "allergy", "category", list{a.category}, "criticality", risk,
			"code", a.code.concept(), "patient", reference(c.patient, c.name()), "recordedDate", instant(first.at),
			"reaction", list{object{"manifestation", list{a.reaction.concept()}, "severity", severity}})
	}
}

func (c *chart) writeSmoking() {
	status := map[string]code{
		"never":   {snomed, "266919005", "Never smoked tobacco"},
		"former":  {snomed, "8517006", "Ex-smoker"},
		"current": {snomed, "449868002", "Smokes tobacco daily"},
	}[c.smoker]
	for _, v := range c.visits {
		if v.whole && c.age(v.at) >= 14 {
			c.observation(v, "smoking", v.at.Add(6*time.Minute), "social-history", "Social History", "us-core-smokingstatus",
				code{loinc, "72166-2", "Tobacco smoking status"}, "valueCodeableConcept", status.concept())
		}
	}
}

// writeVaccinations gives the childhood schedule at the first visit after its age, influenza every autumn, and what
// adults need.
func (c *chart) writeVaccinations() {
	n := 0
	give := func(v *visit, what, shown string) {
		n++
		d := practitioners[v.doctor]
		c.put("Immunization", c.id("immunization", fmt.Sprintf("%02d", n)),
			"meta", profile("us-core-immunization"), "status", "completed",
			"vaccineCode", code{cvx, what, shown}.concept(), "patient", reference(c.patient, c.name()),
			"encounter", object{"reference", v.ref()}, "occurrenceDateTime", instant(v.at.Add(14*time.Minute)), "primarySource", true,
			"location", reference(locations[practitioners[v.doctor].where].ref(), locations[practitioners[v.doctor].where].name),
			"performer", list{object{"actor", reference(d.ref(), d.name())}})
	}
	after := func(at time.Time) *visit {
		for _, v := range c.visits {
			if v.class == "AMB" && v.ill == nil && !v.at.Before(at) {
				return v
			}
		}
		return nil
	}
	if c.guardian != "" {
		for _, s := range childhood {
			due := c.birth().AddDate(0, s.months, 0)
			if v := after(due); v != nil && v.at.Sub(due) < 400*24*time.Hour {
				give(v, s.code, s.display)
			}
		}
	}
	for year := date(c.since).Year(); year <= End.Year(); year++ {
		v := after(time.Date(year, time.September, 20, 0, 0, 0, 0, zone))
		if v != nil && v.at.Month() >= time.September && v.at.Year() == year && c.age(v.at) > 0.5 {
			give(v, "140", "Influenza, seasonal, injectable, preservative free")
		}
	}
	if c.guardian != "" {
		return
	}
	if v := after(date("2021-04-01")); v != nil {
		give(v, "208", "COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose")
	}
	if v := after(date(c.since).AddDate(1, 6, 0)); v != nil {
		give(v, "113", "Td (adult) preservative free")
	}
	if v := after(c.birth().AddDate(65, 0, 0)); v != nil && c.age(v.at) >= 65 {
		give(v, "33", "pneumococcal polysaccharide vaccine, 23 valent")
	}
	if v := after(c.birth().AddDate(50, 0, 0)); v != nil && c.age(v.at) >= 50 {
		give(v, "187", "zoster recombinant")
	}
}

// writeScreening writes procedures that come with age or a problem.
func (c *chart) writeScreening() {
	n := 0
	do := func(v *visit, what code) {
		n++
		c.writeProcedure(fmt.Sprintf("%03d-s%02d", c.n, n), what, v.at.Add(15*time.Minute), v.at.Add(40*time.Minute), v)
	}
	var colonoscopy, mammography time.Time
	for _, v := range c.visits {
		age := c.age(v.at)
		about := func(problem string) bool { return slices.Contains(v.problems, problem) }
		switch {
		case v.whole && age >= 50 && age < 76 && v.at.Sub(colonoscopy).Hours() > 10*8766:
			colonoscopy = v.at
			do(v, code{snomed, "73761001", "Colonoscopy"})
		case v.whole && c.female && age >= 45 && age < 75 && v.at.Sub(mammography).Hours() > 2*8766:
			mammography = v.at
			do(v, code{snomed, "71651007", "Mammography"})
		case (about("asthma") || about("copd")) && age >= 6 && v.at.Month() < time.May:
			do(v, code{snomed, "127783003", "Spirometry"})
		case about("coronary disease") || about("fibrillation") && v.at.Month() < time.March:
			do(v, code{snomed, "29303009", "Electrocardiographic procedure"})
		}
	}
}

// writePlan writes who cares for a patient with problems, what for and how.
func (c *chart) writePlan() {
	if len(c.onset) == 0 {
		return
	}
	o := organizations[0]
	members := list{object{"role", list{term("v3-RoleCode", "ONESELF", "self")}, "member", reference(c.patient, c.name())}}
	var addresses, activities list
	var names []string
	seen := map[int]bool{}
	for _, x := range c.onset {
		p := problems[x.problem]
		who := c.sees(p)
		if d := practitioners[who]; !seen[who] {
			seen[who] = true
			members = append(members, object{"role", list{d.specialty.concept()}, "member", reference(d.ref(), d.name())})
		}
		addresses = append(addresses, object{"reference", c.problemRef(x.problem)})
		names = append(names, strings.ToLower(p.code.display[:1])+p.code.display[1:])
		activities = append(activities, object{"detail", object{"status", "in-progress", "code", followUp.concept(),
			"description", fmt.Sprintf("A visit every %d weeks for %s", p.every/7, p.code.display)}})
	}
	status := "active"
	if c.died != "" {
		status = "completed"
	}
	since := c.onset[0].on
	team := c.id("team", "01")
	c.put("CareTeam", team,
		"meta", profile("us-core-careteam"), "status", map[string]string{"active": "active", "completed": "inactive"}[status],
		"name", "Care team of "+c.name(), "subject", reference(c.patient, c.name()), "period", object{"start", since},
		"participant", members, "managingOrganization", list{reference(o.ref(), o.name)})
	var goals list
	if _, _, ok := c.has("diabetes", c.last()); ok {
		m := labs["a1c"]
		id := c.id("goal", "01")
		goals = list{object{"reference", "Goal/" + id}}
		c.put("Goal", id,
			"meta", profile("us-core-goal"), "lifecycleStatus", "active",
			"description", object{"text", "Hemoglobin A1c below 7 %"}, "subject", reference(c.patient, c.name()), "startDate", since,
			"target", list{object{"measure", m.code.concept(), "detailQuantity",
				append(object{"value", decimal("7"), "comparator", "<"}, m.quantity(7)[2:]...), "dueDate", "2026-12-31"}},
			"addresses", list{object{"reference", c.problemRef("diabetes")}})
	}
	summary := "Care of " + strings.Join(names, ", ")
	c.put("CarePlan", c.id("plan", "01"),
		"meta", profile("us-core-careplan"),
		"text", object{"status", "additional", "div", `<div xmlns="http://www.w3.org/1999/xhtml"><p>` + summary + `</p></div>`},
		"status", status, "intent", "plan",
		"category", list{object{"coding", list{object{"system", "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "code", "assess-plan"}}}},
		"title", summary, "subject", reference(c.patient, c.name()), "period", object{"start", since},
		"author", reference(practitioners[c.doctor()].ref(), practitioners[c.doctor()].name()),
		"careTeam", list{object{"reference", "CareTeam/" + team}}, "addresses", addresses, "goal", goals, "activity", activities)
}
