package scope

// Writes says whether the scope changes data.
func (s Scope) Writes() bool { return s.Letters&(1<<0|1<<2|1<<3) != 0 }

// categories are the parts of types that people know, as US Core and the guides on it have them.
var categories = map[string][]string{
	"Observation": {"vital-signs", "laboratory", "social-history", "survey", "imaging", "procedure", "exam", "therapy", "activity"},
	"Condition":   {"problem-list-item", "encounter-diagnosis", "health-concern"},
}

var systems = map[string]string{
	"Observation": "http://terminology.hl7.org/CodeSystem/observation-category",
	"Condition":   "http://terminology.hl7.org/CodeSystem/condition-category",
}

// Narrower are scopes for a part of what s is for, by category; none if s has a constraint or its type no parts.
func (s Scope) Narrower() []string {
	if _, all := s.Constraint.(Unconstrained); !all {
		return nil
	}
	var list []string
	for _, c := range categories[s.Type] {
		system := systems[s.Type]
		if c == "health-concern" {
			system = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
		}
		list = append(list, s.Level.String()+"/"+s.Type+"."+s.Letters.String()+"?category="+system+"|"+c)
	}
	return list
}
