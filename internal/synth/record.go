package synth

import (
	"fmt"
	"math"
	"time"
)

// writeVisit writes an encounter and what was found, measured, prescribed and given in it.
func (c *chart) writeVisit(v *visit) {
	d, l := practitioners[v.doctor], locations[practitioners[v.doctor].where]
	o := organizations[l.owner]
	act := map[string]string{"AMB": "ambulatory", "EMER": "emergency", "IMP": "inpatient encounter"}[v.class]
	var reason, diagnosis any
	problem := c.writeDiagnosis(v)
	switch {
	case problem != "":
		reason = list{object{"reference", problem}}
	default:
		var refs list
		for _, key := range v.problems {
			refs = append(refs, object{"reference", c.problemRef(key)})
		}
		reason = refs
	}
	if v.event != nil {
		diagnosis = list{object{"condition", object{"reference", problem}, "use", term("diagnosis-role", "AD", "Admission diagnosis"), "rank", 1}}
	}
	c.put("Encounter", v.id,
		"meta", profile("us-core-encounter"),
		"identifier", list{object{"system", own + "visit", "value", v.id}},
		"status", "finished",
		"class", object{"system", hl7 + "v3-ActCode", "code", v.class, "display", act},
		"type", list{v.kind.concept()},
		"subject", reference(c.patient, c.name()),
		"participant", list{object{"type", list{term("v3-ParticipationType", "PPRF", "primary performer")},
			"period", c.period(v), "individual", reference(d.ref(), d.name())}},
		"period", c.period(v),
		"reasonReference", reason, "diagnosis", diagnosis,
		"location", list{object{"location", reference(l.ref(), l.name), "status", "completed"}},
		"serviceProvider", reference(o.ref(), o.name))
	c.writeVitals(v)
	c.writeLabs(v)
	if v.ill != nil && v.ill.drug != "" {
		c.writePrescription(v, v.ill.drug, problem, v.at.AddDate(0, 0, v.ill.days))
	}
	if v.event != nil {
		c.writeProcedure(v.id[len("encounter-"):], v.event.procedure, v.at.Add(30*time.Minute), v.at.Add(75*time.Minute), v)
	}
}

func (c *chart) period(v *visit) object { return object{"start", instant(v.at), "end", instant(v.end)} }

func (c *chart) problemRef(key string) string {
	for i, o := range c.onset {
		if o.problem == key {
			return "Condition/" + c.id("problem", fmt.Sprintf("%02d", i+1))
		}
	}
	panic("synth: " + key + " is no problem of " + c.name())
}

// writeDiagnosis writes the illness of a visit, or what led to an admission, and gives a reference to it.
func (c *chart) writeDiagnosis(v *visit) string {
	var what code
	ended := v.end
	switch {
	case v.ill != nil:
		what, ended = v.ill.code, v.at.AddDate(0, 0, v.ill.days)
	case v.event != nil:
		what = v.event.problem
	default:
		return ""
	}
	status, abated := "resolved", any(instant(ended))
	if ended.After(c.last()) {
		status, abated = "active", nil
	}
	id := "diagnosis-" + v.id[len("encounter-"):]
	c.put("Condition", id,
		"meta", profile("us-core-condition-encounter-diagnosis"),
		"clinicalStatus", term("condition-clinical", status, ""),
		"verificationStatus", term("condition-ver-status", "confirmed", ""),
		"category", list{term("condition-category", "encounter-diagnosis", "Encounter Diagnosis")},
		"code", what.concept(), "subject", c.subject(), "encounter", object{"reference", v.ref()},
		"onsetDateTime", instant(v.at.AddDate(0, 0, -2)), "abatementDateTime", abated, "recordedDate", instant(v.at))
	return "Condition/" + id
}

// writeVitals writes the vital signs that a visit of its kind takes.
func (c *chart) writeVitals(v *visit) {
	at := v.at.Add(4 * time.Minute)
	take := func(key string) float64 {
		m := vitals[key]
		return m.take(c.r, &c.person, at, v)
	}
	one := func(key, name string, x float64) {
		m := vitals[key]
		c.observation(v, key, at, "vital-signs", "Vital Signs", name, m.code, "valueQuantity", m.quantity(x))
	}
	small := c.age(at) < 3
	if !small {
		sys := take("systolic")
		dia := 0.46*sys + 22 + vitals["diastolic"].spread*c.r.NormFloat64()
		part := func(key string, x float64) object {
			m := vitals[key]
			return object{"code", m.code.concept(), "valueQuantity", m.quantity(x)}
		}
		c.observation(v, "pressure", at, "vital-signs", "Vital Signs", "us-core-blood-pressure",
			code{loinc, "85354-9", "Blood pressure panel with all children optional"},
			"component", list{part("systolic", sys), part("diastolic", dia)})
	}
	one("heart", "us-core-heart-rate", take("heart"))
	one("breaths", "us-core-respiratory-rate", take("breaths"))
	one("temperature", "us-core-body-temperature", take("temperature"))
	if !small || v.ill != nil {
		one("oxygen", "us-core-pulse-oximetry", min(take("oxygen"), 100))
	}
	weight := take("weight")
	one("weight", "us-core-body-weight", weight)
	if v.whole {
		height := take("height")
		one("height", "us-core-body-height", height)
		if small {
			one("head", "us-core-head-circumference", take("head"))
		} else {
			one("bmi", "us-core-bmi", math.Round(weight*10)/10/(height*height)*1e4)
		}
	}
}

func (m *measure) quantity(x float64) object {
	return object{"value", fixed(x, m.digits), "unit", m.unit.display, "system", ucum, "code", m.unit.code}
}

// observation writes one observation; value is its key and value.
func (c *chart) observation(v *visit, key string, at time.Time, category, shown, name string, what code, value ...any) string {
	id := "observation-" + v.id[len("encounter-"):] + "-" + key
	d := practitioners[v.doctor]
	c.put("Observation", id, append(list{
		"meta", profile(name), "status", "final",
		"category", list{term("observation-category", category, shown)},
		"code", what.concept(), "subject", reference(c.patient, c.name()), "encounter", object{"reference", v.ref()},
		"effectiveDateTime", instant(at), "issued", instant(at.Add(2 * time.Minute)),
		"performer", list{reference(d.ref(), d.name())}}, value...)...)
	return "Observation/" + id
}

// writeLabs writes the panels of a visit with their reports, and the single results with reports of their own.
func (c *chart) writeLabs(v *visit) {
	done := map[string]float64{}
	results := func(keys []string) (refs list) {
		for _, key := range keys {
			if _, again := done[key]; again {
				continue
			}
			done[key] = c.lab(v, key, done)
			refs = append(refs, object{"reference", c.writeLab(v, key, done[key])})
		}
		return refs
	}
	for _, key := range v.panels {
		p := panels[key]
		c.writeReport(v, key, p.code, results(p.results))
	}
	for _, key := range v.labs {
		if refs := results([]string{key}); refs != nil {
			c.writeReport(v, key, labs[key].code, refs)
		}
	}
}

// lab is the value of a result; some follow from others of the same blood.
func (c *chart) lab(v *visit, key string, done map[string]float64) float64 {
	switch key {
	case "filtration":
		return c.filtration(done["creatinine"], v.at)
	case "cholesterol":
		for _, k := range []string{"triglycerides", "hdl", "ldl"} {
			m := labs[k]
			done["of "+k] = m.take(c.r, &c.person, v.at, v)
		}
		return done["of ldl"] + done["of hdl"] + done["of triglycerides"]/5
	case "triglycerides", "hdl", "ldl":
		return done["of "+key]
	}
	m := labs[key]
	return m.take(c.r, &c.person, v.at, v)
}

func (c *chart) writeLab(v *visit, key string, x float64) string {
	m := labs[key]
	flag, shown := "N", "Normal"
	limits := object{}
	if m.low > 0 {
		limits = append(limits, "low", m.quantity(m.low))
		if x < m.low {
			flag, shown = "L", "Low"
		}
	}
	if m.high > 0 {
		limits = append(limits, "high", m.quantity(m.high))
		if x > m.high {
			flag, shown = "H", "High"
		}
	}
	o := organizations[1]
	id := "lab-" + v.id[len("encounter-"):] + "-" + key
	c.put("Observation", id,
		"meta", profile("us-core-observation-lab"), "status", "final",
		"category", list{term("observation-category", "laboratory", "Laboratory")},
		"code", m.code.concept(), "subject", reference(c.patient, c.name()), "encounter", object{"reference", v.ref()},
		"effectiveDateTime", instant(v.at.Add(12*time.Minute)), "issued", instant(c.issued(v)),
		"performer", list{reference(o.ref(), o.name)},
		"valueQuantity", m.quantity(x),
		"interpretation", list{term("v3-ObservationInterpretation", flag, shown)},
		"referenceRange", list{limits})
	return "Observation/" + id
}

// issued is when the laboratory answers: the next morning.
func (c *chart) issued(v *visit) time.Time {
	next := v.at.AddDate(0, 0, 1)
	return time.Date(next.Year(), next.Month(), next.Day(), 9, 15, 0, 0, zone)
}

func (c *chart) writeReport(v *visit, key string, what code, refs list) {
	o := organizations[1]
	c.put("DiagnosticReport", "report-"+v.id[len("encounter-"):]+"-"+key,
		"meta", profile("us-core-diagnosticreport-lab"), "status", "final",
		"category", list{term("v2-0074", "LAB", "Laboratory")},
		"code", what.concept(), "subject", reference(c.patient, c.name()), "encounter", object{"reference", v.ref()},
		"effectiveDateTime", instant(v.at.Add(12*time.Minute)), "issued", instant(c.issued(v)),
		"performer", list{reference(o.ref(), o.name)}, "result", refs)
}

// writePrescription writes an order; it is done at the time until, or still runs if that is zero.
func (c *chart) writePrescription(v *visit, key, reason string, until time.Time) {
	m := drugs[key]
	status := "active"
	if !until.IsZero() && until.Before(c.last()) || c.died != "" {
		status = "completed"
	}
	d := practitioners[v.doctor]
	c.put("MedicationRequest", "prescription-"+v.id[len("encounter-"):]+"-"+key,
		"meta", profile("us-core-medicationrequest"), "status", status, "intent", "order",
		"category", list{term("medicationrequest-category", "community", "Community")},
		"medicationCodeableConcept", m.code.concept(),
		"subject", reference(c.patient, c.name()), "encounter", object{"reference", v.ref()},
		"authoredOn", instant(v.at.Add(10*time.Minute)), "requester", reference(d.ref(), d.name()),
		"reasonReference", list{object{"reference", reason}},
		"dosageInstruction", list{object{"sequence", 1, "text", m.dose,
			"timing", object{"repeat", object{"frequency", m.times, "period", 1, "periodUnit", "d"}},
			"asNeededBoolean", m.needed}})
}

func (c *chart) writeProcedure(rest string, what code, start, end time.Time, v *visit) {
	d := practitioners[v.doctor]
	c.put("Procedure", "procedure-"+rest,
		"meta", profile("us-core-procedure"), "status", "completed",
		"code", what.concept(), "subject", reference(c.patient, c.name()), "encounter", object{"reference", v.ref()},
		"performedPeriod", object{"start", instant(start), "end", instant(end)},
		"performer", list{object{"actor", reference(d.ref(), d.name())}})
}
