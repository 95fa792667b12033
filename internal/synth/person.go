package synth

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// person is what a life is made from.
type person struct {
	family, given, middle string
	female                bool
	born, died            string // dates
	race                  code
	hispanic              bool
	married               bool
	street, city, zip     string
	smoker                string  // never, former, current
	height, weight        float64 // cm and kg, of an adult at the end; of a child: parts of what is usual at that age
	gain                  float64 // kg a year
	since                 string  // date from which there is a record
	onset                 []onset
	allergies             []string
	events                []event
	guardian              string // name of a child's mother
}

// onset is when a problem began; part is how well it is treated: 1 well, 0 not at all.
type onset struct {
	problem, on string
	part        float64
}

var (
	white = code{"urn:oid:2.16.840.1.113883.6.238", "2106-3", "White"}
	black = code{"urn:oid:2.16.840.1.113883.6.238", "2054-5", "Black or African American"}
	asian = code{"urn:oid:2.16.840.1.113883.6.238", "2028-9", "Asian"}
)

// people are the patients that everybody meets; the first is the demo patient.
var people = []person{
	{family: "Whitfield", given: "Alma", middle: "Jean", female: true, born: "1973-04-11", race: white, married: true,
		street: "42 Juniper Lane", city: "Quincy", zip: "02170", smoker: "former", height: 165, weight: 81, gain: -0.8, since: "2019-09-10",
		onset:     []onset{{"hypertension", "2019-09-10", 0.9}, {"hyperlipidemia", "2020-10-06", 0.9}, {"diabetes", "2021-03-16", 0.85}},
		allergies: []string{"penicillin"}},
	{family: "Delgado", given: "Mateo", middle: "Luis", born: "1991-08-23", race: white, hispanic: true,
		street: "7 Foundry Street", city: "Quincy", zip: "02169", smoker: "never", height: 178, weight: 76, gain: 0.3, since: "2021-05-04",
		onset: []onset{{"rhinitis", "2021-05-04", 1}}, allergies: []string{"pollen"}},
	{family: "Park", given: "Hana", female: true, born: "2017-11-02", race: asian, guardian: "Sumin",
		street: "115 Beacon Hill Road", city: "Milton", zip: "02186", smoker: "never", height: 1.02, weight: 0.98, since: "2017-11-06",
		onset: []onset{{"asthma", "2022-02-14", 0.8}}, allergies: []string{"peanut"},
		events: []event{{"2023-01-17", "EMER", 0, code{snomed, "195967001", "Asthma"}, code{snomed, "53950000", "Respiratory therapy"}}}},
	{family: "Abernathy", given: "Walter", middle: "Thomas", born: "1955-01-30", race: white, married: true,
		street: "9 Harbor View", city: "Hull", zip: "02045", smoker: "former", height: 174, weight: 84, gain: -0.3, since: "2019-02-11",
		onset:  []onset{{"hypertension", "2019-02-11", 0.8}, {"hyperlipidemia", "2019-02-11", 0.85}, {"coronary disease", "2020-11-03", 1}, {"kidney disease", "2022-06-21", 0.5}},
		events: []event{{"2020-11-03", "IMP", 4, code{snomed, "22298006", "Myocardial infarction"}, code{snomed, "415070008", "Percutaneous coronary intervention"}}}},
	{family: "Nwosu", given: "Chioma", female: true, born: "1996-12-05", race: black,
		street: "230 Maple Avenue", city: "Braintree", zip: "02184", smoker: "never", height: 170, weight: 66, gain: 0.2, since: "2020-06-16",
		onset: []onset{{"hypothyroidism", "2021-04-13", 0.95}}},
	{family: "Kowalczyk", given: "Stanislaw", born: "1961-07-17", race: white,
		street: "3 Granite Court", city: "Quincy", zip: "02169", smoker: "current", height: 172, weight: 70, gain: -0.5, since: "2020-01-21",
		onset:  []onset{{"copd", "2020-03-03", 0.6}, {"hypertension", "2021-09-14", 0.7}},
		events: []event{{"2024-02-20", "IMP", 3, code{snomed, "233604007", "Pneumonia"}, code{snomed, "371908008", "Oxygen administration by mask"}}}},
	{family: "Fontaine", given: "Noah", born: "2024-03-15", race: white, guardian: "Elise",
		street: "61 Willow Street", city: "Weymouth", zip: "02188", smoker: "never", height: 0.99, weight: 1.03, since: "2024-03-18"},
	{family: "Hassan", given: "Omar", middle: "Karim", born: "1980-10-09", race: white, married: true,
		street: "88 Quarry Road", city: "Quincy", zip: "02169", smoker: "never", height: 180, weight: 108, gain: 1.4, since: "2020-08-25",
		onset: []onset{{"obesity", "2020-08-25", 0}, {"prediabetes", "2022-09-06", 0}}},
	{family: "Lindgren", given: "Edith", middle: "Marie", female: true, born: "1939-05-26", died: "2025-10-19", race: white,
		street: "12 Chapel Street", city: "Hingham", zip: "02043", smoker: "never", height: 158, weight: 61, gain: -0.7, since: "2019-04-02",
		onset:  []onset{{"hypertension", "2019-04-02", 0.8}, {"fibrillation", "2019-11-12", 0.9}, {"heart failure", "2021-01-26", 0.5}},
		events: []event{{"2023-12-11", "IMP", 6, code{snomed, "84114007", "Heart failure"}, code{snomed, "371908008", "Oxygen administration by mask"}}}},
	{family: "Moreau", given: "Camille", middle: "Anne", female: true, born: "1987-09-14", race: white, married: true,
		street: "27 Orchard Street", city: "Milton", zip: "02186", smoker: "never", height: 167, weight: 62, gain: 0.1, since: "2020-02-11",
		onset: []onset{{"migraine", "2020-02-11", 0.7}, {"anemia", "2023-03-07", 0.95}}},
	{family: "Jefferson", given: "Marcus", middle: "Dale", born: "1967-02-02", race: black, married: true,
		street: "540 Sea Street", city: "Quincy", zip: "02169", smoker: "former", height: 183, weight: 102, gain: 0.4, since: "2020-03-10",
		onset:     []onset{{"diabetes", "2020-03-10", 0.35}, {"hypertension", "2020-09-15", 0.6}, {"gout", "2021-07-13", 0.9}},
		allergies: []string{"penicillin"}},
	{family: "Rasmussen", given: "Freya", female: true, born: "2010-06-21", race: white, guardian: "Karen",
		street: "14 Lighthouse Way", city: "Cohasset", zip: "02025", smoker: "never", height: 1.01, weight: 1, since: "2019-06-25",
		onset: []onset{{"type 1 diabetes", "2020-01-21", 0.7}}},
}

var (
	families = []string{"Ashdown", "Bellamy", "Cardoso", "Drummond", "Eriksen", "Fairbanks", "Gallagher", "Hollis", "Ibarra", "Jankowski",
		"Kessler", "Larkin", "Mendoza", "Novak", "Oyelaran", "Pemberton", "Quigley", "Rosales", "Sandoval", "Thackeray", "Ueda", "Vasquez", "Winslow", "Yamada", "Zeller"}
	women = []string{"Beatrice", "Carmen", "Dorothea", "Eliza", "Fatima", "Greta", "Imani", "Joanna", "Leila", "Miriam", "Nora", "Paloma", "Ruth", "Sylvia", "Tamsin", "Yuki"}
	men   = []string{"Anders", "Bruno", "Cyrus", "Desmond", "Elias", "Felix", "Gideon", "Ivan", "Julian", "Kofi", "Lorenzo", "Milo", "Osman", "Rafael", "Silas", "Tobias"}
	roads = []string{"Alder Street", "Birch Road", "Cedar Lane", "Dock Street", "Elder Way", "Fern Street", "Grove Road", "Hancock Street"}
)

// personOf is the life of patient i: one of people, and beyond them another with the same kind of problems.
func personOf(i int) person {
	p := people[i%len(people)]
	if i < len(people) {
		return p
	}
	r := rand.New(rand.NewPCG(1939, uint64(i)))
	p.family, p.middle = families[r.IntN(len(families))], ""
	p.given = men[r.IntN(len(men))]
	if p.female {
		p.given = women[r.IntN(len(women))]
	}
	if p.guardian != "" {
		p.guardian = women[r.IntN(len(women))]
	}
	p.street = fmt.Sprintf("%d %s", 1+r.IntN(300), roads[r.IntN(len(roads))])
	p.born = day(date(p.born).AddDate(0, 0, -r.IntN(300)))
	if p.guardian == "" {
		p.height += float64(r.IntN(15) - 7)
		p.weight += float64(r.IntN(17) - 8)
	} else {
		p.height *= 0.97 + 0.06*r.Float64()
		p.weight *= 0.93 + 0.14*r.Float64()
	}
	p.gain += 0.6*r.Float64() - 0.3
	return p
}

// PatientID is the id of patient i, counted from 0.
func PatientID(i int) string { return fmt.Sprintf("patient-%03d", i+1) }

// RelatedPersonID is the id of the first RelatedPerson: the mother of a child among the first twelve patients.
func RelatedPersonID() string {
	for i := range people {
		if people[i].guardian != "" {
			return fmt.Sprintf("related-%03d", i+1)
		}
	}
	return ""
}

func (p *person) birth() time.Time { return date(p.born) }

// last is the day after which nothing is recorded.
func (p *person) last() time.Time {
	if p.died != "" {
		return date(p.died)
	}
	return End
}

// age in years.
func (p *person) age(at time.Time) float64 { return years(p.birth(), at) }

// has gives the years since the onset of a problem and how well it is treated; ok is false if it has not begun.
func (p *person) has(problem string, at time.Time) (since, part float64, ok bool) {
	for _, o := range p.onset {
		if o.problem == problem && !date(o.on).After(at) {
			return years(date(o.on), at), o.part, true
		}
	}
	return 0, 0, false
}
