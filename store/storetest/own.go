package storetest

import (
	"fmt"
	"sync"

	"github.com/firewarden/firewarden/conformance/parameters"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/store"
)

// ownParameters are the own search parameters of worlds. Some worlds have the earlier ones first: of those one becomes
// another parameter of the same code, one stays, one goes.
var ownParameters = sync.OnceValue(func() (all struct{ earlier, record parameters.Record }) {
	stays := defined(`"code":"x-town","type":"string","base":["Patient"],"expression":"Patient.address.city | Patient.name.text"`)
	all.earlier, _ = parameters.Record{}.Next([]parameters.Definition{stays,
		defined(`"code":"x-part","type":"reference","target":["Encounter"],"base":["Observation"],"expression":"Observation.encounter"`),
		defined(`"code":"x-gone","type":"token","base":["Condition","Encounter"],"expression":"Condition.category | Encounter.class"`),
	})
	all.record, _ = all.earlier.Next([]parameters.Definition{stays,
		defined(`"code":"x-part","type":"token","base":["Observation"],"expression":"Observation.component.code | Observation.value.ofType(CodeableConcept)"`),
		defined(`"code":"x-source","type":"uri","base":["Patient","Observation"],"expression":"Patient.meta.source | Observation.meta.source"`),
		defined(`"code":"x-form","type":"reference","target":["StructureDefinition"],"base":["Observation"],"expression":"Observation.meta.profile"`),
		defined(`"code":"x-doctor","type":"reference","target":["Practitioner"],"base":["Patient"],"expression":"Patient.generalPractitioner"`),
		defined(`"code":"x-witness","type":"reference","target":["Patient"],"base":["Observation"],"expression":"Observation.performer.where(resolve() is Patient)"`),
		defined(`"code":"x-amount","type":"quantity","base":["Observation"],"expression":"Observation.component.value.ofType(Quantity)"`),
		defined(`"code":"x-pair","type":"composite","base":["Observation"],"expression":"Observation.component","component":[
			{"definition":"http://hl7.org/fhir/SearchParameter/clinical-code","expression":"code"},
			{"definition":"http://hl7.org/fhir/SearchParameter/Observation-value-quantity","expression":"value.ofType(Quantity)"}]`),
		defined(`"code":"x-over","type":"date","base":["Condition"],"expression":"Condition.abatement.ofType(dateTime) | Condition.abatement.ofType(Period)"`),
		defined(`"code":"x-chance","type":"number","base":["RiskAssessment"],"expression":"RiskAssessment.prediction.probability.ofType(decimal)"`),
	})
	return all
})

// worldParams are the search parameters of a world that is asked.
var worldParams = sync.OnceValue(func() *parameters.Set {
	record := ownParameters().record
	return record.Done(record.Generation).Set()
})

// param is a search parameter, R4's or a world's own.
func param(typ, code string) *r4.SearchParameter {
	p := worldParams().Lookup(typ, code)
	if p == nil {
		panic("no search parameter " + code + " of " + typ)
	}
	return p
}

// defined is the definition of a SearchParameter with these elements; its id is its code.
func defined(elements string) parameters.Definition {
	res, err := fhir.Parse([]byte(`{"resourceType":"SearchParameter","status":"active",`+elements+`}`), fhir.DefaultLimits)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", elements, err))
	}
	res.ID = res.Root.Str("code")
	d, err := parameters.Read(res)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", elements, err))
	}
	return d
}

// define makes the own search parameters of a store, and of the oracle, those of a record, as the interactions do. With
// built all is indexed by them.
func (p *pair) define(record parameters.Record, built bool) error {
	for {
		b, err := record.Bytes()
		if err != nil {
			return err
		}
		if _, err := p.engine.KV().Put(p.ctx, store.Record{Bucket: store.ParametersBucket, Key: store.ParametersKey, Value: b}, store.AnyVersion); err != nil {
			return err
		}
		stores := []store.Extender{p.memory, p.engine.(store.Extender)}
		for _, s := range stores {
			s.Use(record.Set())
		}
		if !built || !record.Building() {
			return nil
		}
		for _, s := range stores {
			if err := s.Extend(p.ctx, nil); err != nil {
				return err
			}
		}
		record = record.Done(record.Generation)
	}
}
