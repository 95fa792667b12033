package storetest

// resource draws the content of a resource.
func (m maker) resource(typ string) object {
	o := object{"resourceType": typ}
	switch typ {
	case "Patient":
		m.patient(o)
	case "Practitioner":
		m.set(o, "name", func() any { return m.some(m.name) })
		m.set(o, "identifier", func() any { return m.some(m.identifier) })
		m.set(o, "active", func() any { return m.oneIn(2) })
	case "Encounter":
		m.encounter(o)
	case "Observation":
		m.observation(o)
	case "Condition":
		m.condition(o)
	case "MedicationRequest":
		m.medication(o)
	case "Group":
		m.group(o)
	case "Provenance":
		m.provenance(o)
	case "RiskAssessment":
		m.risk(o)
	case "Location":
		m.location(o)
	case "ValueSet":
		m.valueSet(o)
	case "CodeSystem":
		m.codeSystem(o)
	case "DocumentReference":
		o["status"] = "current"
		m.set(o, "subject", m.ref("Patient"))
		m.set(o, "type", m.concept)
		o["content"] = m.some(func() any { return object{"attachment": object{"url": "Binary/" + pick(m, instances["Binary"])}} })
	case "Binary":
		o["contentType"], o["data"] = m.one("text/plain", "image/png"), "AAAA"
		if m.oneIn(3) {
			o["securityContext"] = m.ref("Patient", "Observation", "DocumentReference", "Provenance", "Binary")()
		}
	}
	if m.oneIn(4) {
		o["text"] = m.narrative()
	}
	if m.oneIn(3) {
		meta := object{}
		m.set(meta, "tag", func() any { return m.some(m.coding) })
		m.set(meta, "security", func() any { return m.some(m.coding) })
		m.set(meta, "profile", func() any { return m.some(func() any { return pick(m, profiles) }) })
		m.set(meta, "source", func() any { return pick(m, plainURIs) })
		if len(meta) > 0 {
			o["meta"] = meta
		}
	}
	return o
}

func (m maker) patient(o object) {
	m.set(o, "name", func() any { return m.some(m.name) })
	m.set(o, "identifier", func() any { return m.some(m.identifier) })
	m.set(o, "birthDate", m.date)
	m.set(o, "gender", func() any { return m.one("male", "female") })
	m.set(o, "active", func() any { return m.oneIn(2) })
	m.set(o, "generalPractitioner", func() any { return m.some(m.ref("Practitioner")) })
	if m.oneIn(2) {
		m.set(o, "address", func() any { return m.some(m.address) })
		m.set(o, "telecom", func() any { return m.some(m.contact) })
		m.set(o, "communication", func() any { return []any{object{"language": m.concept()}} })
	}
	switch m.IntN(6) {
	case 0:
		o["deceasedBoolean"] = m.oneIn(2)
	case 1:
		o["deceasedDateTime"] = m.dateTime()
	}
	if m.oneIn(6) {
		o["link"] = []any{object{"other": m.ref("Patient")(), "type": "seealso"}}
	}
}

func (m maker) encounter(o object) {
	o["status"] = m.one("planned", "finished")
	o["class"] = m.coding()
	m.set(o, "type", func() any { return m.some(m.concept) })
	m.set(o, "subject", m.ref("Patient"))
	m.set(o, "period", m.period)
	m.set(o, "length", m.simpleQuantity)
	m.set(o, "participant", func() any {
		return m.some(func() any { return object{"individual": m.ref("Practitioner")()} })
	})
	if m.oneIn(3) {
		o["location"] = m.some(func() any {
			return object{"location": m.ref("Location")(), "period": m.period()}
		})
	}
	if m.oneIn(3) {
		o["partOf"] = m.ref("Encounter")()
	}
}

func (m maker) observation(o object) {
	o["status"] = m.one("final", "amended")
	o["code"] = m.concept()
	m.set(o, "category", func() any { return m.some(m.concept) })
	m.set(o, "subject", m.ref("Patient", "Patient", "Patient", "Group"))
	m.set(o, "encounter", m.ref("Encounter"))
	m.set(o, "performer", func() any { return m.some(m.ref("Practitioner", "Patient")) })
	switch m.IntN(6) {
	case 0, 1:
		o["effectiveDateTime"] = m.dateTime()
	case 2, 3:
		o["effectivePeriod"] = m.period()
	case 4:
		o["effectiveInstant"] = m.instant()
	}
	m.value(o)
	if m.oneIn(3) {
		o["component"] = m.some(func() any {
			c := object{"code": m.concept()}
			m.value(c)
			return c
		})
	}
	if m.oneIn(4) {
		o["hasMember"] = m.some(m.ref("Observation"))
	}
	if m.oneIn(4) {
		o["focus"] = m.some(m.ref("Patient", "Patient", "Condition"))
	}
	if m.oneIn(5) {
		inner := object{"resourceType": "Patient", "id": "in", "name": []any{m.name()}, "active": true}
		o["contained"] = []any{inner}
		o["subject"] = object{"reference": "#in"}
	}
}

// value is value[x] of an Observation or its component.
func (m maker) value(o object) {
	switch m.IntN(8) {
	case 0, 1, 2:
		o["valueQuantity"] = m.quantity()
	case 3:
		o["valueCodeableConcept"] = m.concept()
	case 4:
		o["valueString"] = m.word()
	case 5:
		o["valueDateTime"] = m.dateTime()
	case 6:
		o["valuePeriod"] = m.period()
	}
}

func (m maker) condition(o object) {
	o["subject"] = m.ref("Patient")()
	m.set(o, "code", m.concept)
	m.set(o, "category", func() any { return m.some(m.concept) })
	m.set(o, "clinicalStatus", m.concept)
	m.set(o, "encounter", m.ref("Encounter"))
	m.set(o, "recordedDate", m.dateTime)
	m.set(o, "asserter", m.ref("Practitioner"))
	switch m.IntN(6) {
	case 0:
		o["onsetDateTime"] = m.dateTime()
	case 1:
		o["onsetPeriod"] = m.period()
	case 2:
		o["onsetAge"] = m.simpleQuantity()
	case 3:
		o["onsetString"] = m.word()
	case 4:
		o["onsetRange"] = m.limits()
	}
	switch m.IntN(4) {
	case 0:
		o["abatementDateTime"] = m.dateTime()
	case 1:
		o["abatementPeriod"] = m.period()
	case 2:
		o["abatementAge"] = m.simpleQuantity()
	}
}

func (m maker) medication(o object) {
	o["status"] = m.one("active", "stopped")
	o["intent"] = m.one("order", "plan")
	o["subject"] = m.ref("Patient", "Patient", "Group")()
	o["medicationCodeableConcept"] = m.concept()
	m.set(o, "encounter", m.ref("Encounter"))
	m.set(o, "authoredOn", m.dateTime)
	m.set(o, "requester", m.ref("Practitioner", "Patient"))
	m.set(o, "identifier", func() any { return m.some(m.identifier) })
	m.set(o, "dosageInstruction", func() any {
		return []any{object{"timing": object{"event": m.some(m.dateTime)}}}
	})
}

func (m maker) group(o object) {
	o["type"], o["actual"] = "person", true
	m.set(o, "code", m.concept)
	m.set(o, "identifier", func() any { return m.some(m.identifier) })
	m.set(o, "member", func() any {
		return m.some(func() any { return object{"entity": m.ref("Patient", "Patient", "Practitioner")()} })
	})
	m.set(o, "characteristic", func() any {
		return m.some(func() any {
			return object{"code": m.concept(), "valueCodeableConcept": m.concept(), "exclude": m.oneIn(2)}
		})
	})
}

func (m maker) provenance(o object) {
	o["target"] = m.some(m.ref("Patient", "Observation", "Observation", "Encounter", "Binary", "Provenance"))
	o["recorded"] = m.instant()
	o["agent"] = m.some(func() any { return object{"who": m.ref("Practitioner", "Patient")(), "type": m.concept()} })
	switch m.IntN(3) {
	case 0:
		o["occurredPeriod"] = m.period()
	case 1:
		o["occurredDateTime"] = m.dateTime()
	}
}

func (m maker) risk(o object) {
	o["status"] = m.one("final", "amended")
	o["subject"] = m.ref("Patient", "Group")()
	m.set(o, "occurrenceDateTime", m.dateTime)
	m.set(o, "condition", m.ref("Condition"))
	m.set(o, "prediction", func() any {
		return m.some(func() any {
			p := object{"qualitativeRisk": m.concept()}
			switch m.IntN(3) {
			case 0:
				p["probabilityDecimal"] = m.number()
			case 1:
				p["probabilityRange"] = m.limits()
			}
			return p
		})
	})
}
