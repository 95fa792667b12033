package proof

import (
	"encoding/json"
	"slices"
)

type object = map[string]any

func (d drawing) ref(types ...string) object {
	typ := pick(d, d.known(types))
	text := typ + "/" + d.id(typ)
	switch d.upTo(24) {
	case 20:
		text += "/_history/" + d.one("1", "2")
	case 21:
		text = "https://firewarden.test/fhir/" + text
	case 22:
		text = "http://other/fhir/" + text
	case 23:
		return object{"identifier": d.identifier(), "type": typ}
	case 24:
		return object{"reference": text, "identifier": d.identifier()}
	}
	o := object{"reference": text}
	if d.oneIn(6) {
		o["display"] = d.one("Alpha one", "beta")
	}
	return o
}

func (d drawing) identifier() object {
	o := object{"value": d.one("1", "1", "2", "3")}
	if d.oneIn(3) {
		o["system"] = "http://s"
	}
	if d.oneIn(6) {
		o["type"] = object{"coding": list(object{"system": "http://t", "code": d.one("MR", "SB"), "display": d.one("Alpha record", "beta")})}
	}
	return o
}

// label draws a tag or a security label.
func (d drawing) label() object {
	o := object{"code": d.one("a", "a", "b", "c")}
	if d.oneIn(2) {
		o["system"] = "http://s"
	}
	return o
}

func (d drawing) coding() object {
	o := d.label()
	if d.oneIn(6) {
		o["display"] = d.one("Alpha one", "beta")
	}
	return o
}

// quantity draws an amount, with a unit of UCUM, of another system, or as people write it.
func (d drawing) quantity() object {
	o := object{"value": json.Number(d.one("5", "5.4", "5.40", "5.42", "5400", "0.0054"))}
	switch d.upTo(5) {
	case 3:
		o["unit"] = "gram"
	case 4:
		o["system"], o["code"] = "http://s", "g"
	case 5:
	default:
		o["system"], o["code"] = "http://unitsofmeasure.org", d.one("g", "g", "mg", "kg")
	}
	return o
}

func (d drawing) concept() object {
	o := object{"coding": []any{d.coding()}}
	if d.oneIn(4) {
		o["coding"] = []any{d.coding(), d.coding()}
	}
	if d.oneIn(4) {
		o["text"] = d.one("beta", "Alpha gamma")
	}
	return o
}

func (d drawing) day() string {
	return d.one("2020", "2021") + "-0" + d.one("1", "2") + "-0" + d.one("1", "2")
}

func (d drawing) name() object {
	o := object{"family": d.one("Ab", "Abc", "Bc")}
	if d.oneIn(3) {
		o["given"] = list(d.one("Amy", "Ab Bo"))
	}
	return o
}

// may adds a member three times in four.
func (d drawing) may(o object, name string, value func() any) {
	if !d.oneIn(4) {
		o[name] = value()
	}
}

func list(items ...any) []any { return items }

// inside draws resources inside of one, and what refers to them.
func (d drawing) inside(o object) {
	var in []any
	put := func(typ, id string) object {
		c := object{"resourceType": typ, "id": id}
		d.may(c, "identifier", func() any { return list(d.identifier()) })
		switch typ {
		case "Patient", "Practitioner":
			d.may(c, "name", func() any { return list(d.name()) })
			d.may(c, "active", func() any { return d.oneIn(2) })
		case "Observation":
			c["status"], c["code"], c["valueQuantity"] = d.one("final", "amended"), d.concept(), d.quantity()
		}
		in = append(in, c)
		return object{"reference": "#" + id}
	}
	switch o["resourceType"] {
	case "Observation":
		if o["subject"] = put("Patient", "p"); d.oneIn(2) {
			o["performer"] = list(put("Practitioner", "A"), put("Patient", "B"))
		}
	case "Encounter":
		o["location"] = list(object{"location": put("Location", "p")})
	case "Condition":
		o["asserter"] = put("Practitioner", "p")
	case "DiagnosticReport":
		o["result"] = list(put("Observation", "1"), put("Observation", "p"))
	default:
		return
	}
	o["contained"] = in
}

// resource draws the content of a resource.
func (d drawing) resource(typ, id string) json.RawMessage {
	o := object{"resourceType": typ, "id": id}
	if typ != "Binary" && typ != "Provenance" && typ != "ValueSet" && typ != "CodeSystem" {
		d.may(o, "identifier", func() any {
			if d.oneIn(6) {
				return list(d.identifier(), d.identifier())
			}
			return list(d.identifier())
		})
	}
	switch typ {
	case "Patient":
		d.may(o, "active", func() any { return d.oneIn(2) })
		d.may(o, "name", func() any { return list(d.name()) })
		d.may(o, "birthDate", func() any { return d.day() })
		d.may(o, "generalPractitioner", func() any { return list(d.ref("Practitioner")) })
		if d.oneIn(5) {
			o["link"] = list(object{"other": d.ref("Patient"), "type": "seealso"})
		}
	case "Observation":
		o["status"], o["code"] = d.one("final", "amended"), d.concept()
		o["category"] = list(d.concept())
		o["subject"] = d.ref("Patient", "Patient", "Patient", "Group")
		d.may(o, "encounter", func() any { return d.ref("Encounter") })
		d.may(o, "effectiveDateTime", func() any { return d.day() })
		if d.oneIn(2) {
			o["performer"] = list(d.ref("Practitioner", "Patient", "Patient"))
		}
		if d.oneIn(3) {
			o["focus"] = list(d.ref("Patient", "Encounter", "Observation"))
		}
		if d.oneIn(3) {
			o["hasMember"] = list(d.ref("Observation"))
		}
		if d.oneIn(2) {
			o["valueQuantity"] = d.quantity()
		}
		if d.oneIn(4) {
			o["component"] = list(object{"code": d.concept(), "valueQuantity": d.quantity()}, object{"code": d.concept(), "valueQuantity": d.quantity()})
		}
	case "Encounter":
		o["status"], o["class"] = "finished", d.coding()
		d.may(o, "subject", func() any { return d.ref("Patient") })
		if d.oneIn(3) {
			o["partOf"] = d.ref("Encounter")
		}
		if d.oneIn(3) {
			o["participant"] = list(object{"individual": d.ref("Practitioner")})
		}
		if d.oneIn(3) {
			o["location"] = list(object{"location": d.ref("Location")})
		}
	case "Condition":
		o["subject"] = d.ref("Patient")
		d.may(o, "code", func() any { return d.concept() })
		d.may(o, "category", func() any { return list(d.concept()) })
		d.may(o, "encounter", func() any { return d.ref("Encounter") })
		if d.oneIn(3) {
			o["asserter"] = d.ref("Patient", "Patient", "Practitioner")
		}
	case "Group":
		o["type"], o["actual"] = "person", true
		o["member"] = list(object{"entity": d.ref("Patient")})
		if d.oneIn(3) {
			o["member"] = list(object{"entity": d.ref("Patient")}, object{"entity": d.ref("Patient")})
		}
	case "Provenance":
		o["recorded"] = "2026-01-01T00:00:00Z"
		o["target"] = list(d.ref("Patient", "Observation", "Observation", "Encounter", "Binary", "Organization", "Provenance"))
		if d.oneIn(4) {
			o["target"] = append(o["target"].([]any), d.ref("Observation", "Patient"))
		}
		o["agent"] = list(object{"who": d.ref("Practitioner", "Practitioner", "Patient")})
	case "DocumentReference":
		o["status"] = "current"
		d.may(o, "subject", func() any { return d.ref("Patient") })
		d.may(o, "category", func() any { return list(d.concept()) })
		if d.oneIn(4) {
			o["author"] = list(d.ref("Practitioner", "Patient"))
		}
		o["content"] = list(object{"attachment": object{"url": d.one("", "", "https://firewarden.test/fhir/", "http://other/") + "Binary/" + d.id("Binary")}})
	case "Binary":
		o["contentType"], o["data"] = "text/plain", d.one("AAAA", "BBBB")
		if d.oneIn(3) {
			o["securityContext"] = d.ref("Patient", "Observation", "DocumentReference", "Organization", "Provenance", "Binary")
		}
	case "List":
		o["status"], o["mode"] = "current", "working"
		d.may(o, "code", func() any { return d.concept() })
		d.may(o, "subject", func() any { return d.ref("Patient") })
		o["entry"] = list(object{"item": d.ref("Observation", "Encounter", "Patient")}, object{"item": d.ref("Observation")})
	case "CareTeam":
		o["status"] = d.one("active", "inactive")
		d.may(o, "subject", func() any { return d.ref("Patient") })
		d.may(o, "participant", func() any { return list(object{"member": d.ref("Practitioner")}) })
	case "RelatedPerson":
		o["patient"] = d.ref("Patient")
		d.may(o, "active", func() any { return !d.oneIn(3) })
	case "Device":
		d.may(o, "patient", func() any { return d.ref("Patient") })
		d.may(o, "location", func() any { return d.ref("Location") })
	case "Task":
		o["status"], o["intent"] = d.one("requested", "completed"), "order"
		d.may(o, "code", func() any { return d.concept() })
		d.may(o, "for", func() any { return d.ref("Patient", "Patient", "Group") })
		d.may(o, "focus", func() any { return d.ref("Observation", "Patient") })
	case "Organization":
		o["name"] = d.one("Ab", "Bc")
		d.may(o, "active", func() any { return d.oneIn(2) })
		d.may(o, "partOf", func() any { return d.ref("Organization") })
	case "Practitioner":
		d.may(o, "active", func() any { return d.oneIn(2) })
		d.may(o, "name", func() any { return list(object{"family": d.one("Ab", "Bc")}) })
	case "RiskAssessment":
		o["status"], o["subject"] = "final", d.ref("Patient")
		if d.oneIn(3) {
			o["performer"] = d.ref("Practitioner")
		}
		o["prediction"] = list(object{"probabilityDecimal": json.Number(d.one("0.5", "0.50", "0.54", "1"))})
		if d.oneIn(3) {
			o["prediction"] = list(object{"probabilityRange": object{"low": object{"value": json.Number(d.one("0.1", "0.5"))}, "high": object{"value": json.Number(d.one("0.5", "0.9"))}}})
		}
	case "Location":
		d.may(o, "position", func() any {
			return object{"latitude": json.Number(d.one("53.3", "51.5")), "longitude": json.Number(d.one("-6.2", "-0.1"))}
		})
		d.may(o, "partOf", func() any { return d.ref("Location") })
	case "ValueSet":
		o["status"], o["url"] = d.one("active", "draft"), "http://v/"+d.one("1", "1", "1", "2", "1/2")
		include := object{"system": "http://s", "concept": list(object{"code": "a"}, object{"code": d.one("b", "c")})}
		switch d.upTo(5) {
		case 4:
			include = object{"system": "http://s"}
		case 5:
			include = object{"valueSet": list("http://v/" + d.one("1", "2"))}
		}
		o["compose"] = object{"include": list(include)}
	case "CodeSystem":
		o["status"], o["url"], o["content"] = d.one("active", "draft"), "http://s", "complete"
		o["concept"] = list(object{"code": "a", "concept": list(object{"code": d.one("b", "c")})})
		if d.oneIn(2) {
			o["concept"] = list(object{"code": "c", "concept": list(object{"code": "a", "concept": list(object{"code": "b"})})})
		}
	case "Schedule":
		o["actor"] = list(d.ref("Patient", "Practitioner"))
		if d.oneIn(3) {
			o["actor"] = list(d.ref("Patient"), d.ref("Patient", "Practitioner", "Location"))
		}
	case "DiagnosticReport":
		o["status"], o["code"] = "final", d.concept()
		d.may(o, "subject", func() any { return d.ref("Patient") })
		d.may(o, "result", func() any { return list(d.ref("Observation")) })
		d.may(o, "presentedForm", func() any { return list(object{"url": "Binary/" + d.id("Binary")}) })
	case "AuditEvent":
		delete(o, "identifier")
		o["type"], o["recorded"] = object{"code": "rest"}, "2026-01-01T00:00:00Z"
		o["agent"] = list(object{"requestor": true, "who": d.ref("Patient", "Practitioner")})
		o["source"] = object{"observer": d.ref("Device", "Patient", "Organization")}
		d.may(o, "entity", func() any { return list(object{"what": d.ref("Patient", "Observation")}) })
	case "Slot":
		o["schedule"], o["status"] = object{"reference": "Schedule/1"}, d.one("free", "busy")
		o["start"], o["end"] = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"
	}
	if d.oneIn(2) {
		meta := object{}
		d.may(meta, "tag", func() any { return list(d.label()) })
		d.may(meta, "security", func() any { return list(d.label()) })
		d.may(meta, "profile", func() any { return list("http://p/" + d.one("1", "1", "2", "1/2")) })
		if d.oneIn(3) {
			meta["source"] = "http://p/" + d.one("1", "2", "1/2")
		}
		if len(meta) > 0 {
			o["meta"] = meta
		}
	}
	if d.oneIn(5) {
		d.inside(o)
	}
	if slices.Contains([]string{"Encounter", "Observation", "Patient"}, typ) && d.oneIn(4) {
		o["language"] = d.one("en", "en", "de")
	}
	if typ != "Binary" && d.oneIn(3) {
		o["text"] = object{"status": "generated", "div": `<div xmlns="http://www.w3.org/1999/xhtml">` + d.one("alpha", "beta", "alpha gamma") + `</div>`}
	}
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return b
}
