package synth

import (
	"math"
	"math/rand/v2"
	"time"
)

// measure is something that is measured: a LOINC code with a UCUM unit.
type measure struct {
	code      code
	unit      code // of ucum
	digits    int
	low, high float64 // reference range; 0 is none
	// value is what p has at a time in a visit, without the scatter, which is spread (standard deviation).
	value  func(p *person, at time.Time, v *visit) float64
	spread float64
}

func unit(text, shown string) code { return code{ucum, text, shown} }

// fades is what is left, after a time in years, of something that treatment takes away by its half-life.
func fades(since, half float64) float64 { return math.Exp2(-since / half) }

var vitals = map[string]measure{
	"systolic": {code{loinc, "8480-6", "Systolic blood pressure"}, unit("mm[Hg]", "mmHg"), 0, 0, 0, func(p *person, at time.Time, v *visit) float64 {
		if age := p.age(at); age < 18 {
			return 88 + 1.6*age
		}
		x := 106 + 0.25*p.age(at)
		if since, part, ok := p.has("hypertension", at); ok {
			x += 30 - 26*part*(1-fades(since, 0.4))
		}
		if p.bmi(at) > 30 {
			x += 5
		}
		return x
	}, 4},
	"diastolic": {code{loinc, "8462-4", "Diastolic blood pressure"}, unit("mm[Hg]", "mmHg"), 0, 0, 0, nil, 2.5},
	"heart": {code{loinc, "8867-4", "Heart rate"}, unit("/min", "beats/minute"), 0, 0, 0, func(p *person, at time.Time, v *visit) float64 {
		x := 70 + 62*math.Exp(-p.age(at)/5)
		if _, _, ok := p.has("coronary disease", at); ok {
			x -= 8
		}
		if _, _, ok := p.has("fibrillation", at); ok {
			x += 10
		}
		return x + 9*v.fever()
	}, 4},
	"breaths": {code{loinc, "9279-1", "Respiratory rate"}, unit("/min", "breaths/minute"), 0, 0, 0, func(p *person, at time.Time, v *visit) float64 {
		x := 14 + 18*math.Exp(-p.age(at)/4)
		if _, _, ok := p.has("copd", at); ok {
			x += 4
		}
		return x + 2*v.fever()
	}, 1},
	"temperature": {code{loinc, "8310-5", "Body temperature"}, unit("Cel", "Cel"), 1, 0, 0, func(p *person, at time.Time, v *visit) float64 {
		return 36.7 + v.fever()
	}, 0.15},
	"oxygen": {code{loinc, "2708-6", "Oxygen saturation in Arterial blood"}, unit("%", "%"), 0, 0, 0, func(p *person, at time.Time, v *visit) float64 {
		x := 98.0
		if since, _, ok := p.has("copd", at); ok {
			x -= 3.5 + 0.3*since
		}
		if _, _, ok := p.has("heart failure", at); ok {
			x -= 2
		}
		if v.ill != nil && v.ill.airways || v.class != "AMB" {
			x -= 3
		}
		return x
	}, 0.7},
	"height": {code{loinc, "8302-2", "Body height"}, unit("cm", "cm"), 1, 0, 0, func(p *person, at time.Time, v *visit) float64 { return p.tall(at) }, 0.2},
	"weight": {code{loinc, "29463-7", "Body weight"}, unit("kg", "kg"), 1, 0, 0, func(p *person, at time.Time, v *visit) float64 { return p.heavy(at) }, 0.4},
	"bmi":    {code{loinc, "39156-5", "Body mass index (BMI) [Ratio]"}, unit("kg/m2", "kg/m2"), 1, 0, 0, nil, 0},
	"head":   {code{loinc, "9843-4", "Head Occipital-frontal circumference"}, unit("cm", "cm"), 1, 0, 0, func(p *person, at time.Time, v *visit) float64 { return 34.5 + 13*(1-math.Exp(-p.age(at)/0.55)) }, 0.2},
}

// growth is the usual height and weight of girls and boys by age in years.
var growth = []struct{ age, girlCm, boyCm, girlKg, boyKg float64 }{
	{0, 49.5, 50, 3.3, 3.5}, {0.5, 65.7, 67.6, 7.3, 7.9}, {1, 74, 75.7, 9, 9.6}, {2, 86.4, 87.8, 11.5, 12.2}, {3, 95, 96, 13.9, 14.3},
	{5, 109, 110, 18.2, 18.6}, {7, 121.8, 122, 23, 23}, {9, 133, 133.7, 29, 28.6}, {11, 145, 143.5, 37, 36}, {13, 157, 156, 46, 45.5},
	{15, 162, 170, 52, 56.5}, {17, 163, 175.5, 55, 64.5}, {20, 163.5, 177, 58, 70},
}

func (p *person) grown(at time.Time) (cm, kg float64) {
	age := p.age(at)
	for i := 1; i < len(growth); i++ {
		a, b := growth[i-1], growth[i]
		if age < b.age || i == len(growth)-1 {
			part := min(max((age-a.age)/(b.age-a.age), 0), 1)
			if p.female {
				return a.girlCm + part*(b.girlCm-a.girlCm), a.girlKg + part*(b.girlKg-a.girlKg)
			}
			return a.boyCm + part*(b.boyCm-a.boyCm), a.boyKg + part*(b.boyKg-a.boyKg)
		}
	}
	return 0, 0
}

func (p *person) tall(at time.Time) float64 {
	if p.guardian != "" {
		cm, _ := p.grown(at)
		return cm * p.height
	}
	return p.height - 0.06*max(p.age(at)-60, 0)
}

func (p *person) heavy(at time.Time) float64 {
	if p.guardian != "" {
		_, kg := p.grown(at)
		return kg * p.weight
	}
	season := 0.5 * math.Cos(2*math.Pi*float64(at.YearDay())/365)
	return p.weight - p.gain*years(at, End) + season
}

func (p *person) bmi(at time.Time) float64 {
	m := p.tall(at) / 100
	return p.heavy(at) / m / m
}

func (p *person) a1c(at time.Time) float64 {
	x := 5.2 + 0.004*p.age(at)
	if since, _, ok := p.has("prediabetes", at); ok {
		x = 5.8 + 0.08*since
	}
	for _, kind := range []string{"diabetes", "type 1 diabetes"} {
		if since, part, ok := p.has(kind, at); ok {
			aim := 8.9 - 2.3*part
			x = aim + (9.6-aim)*fades(since, 0.5) + 0.2*math.Cos(2*math.Pi*float64(at.YearDay())/365)
		}
	}
	return x
}

// statin is how much of the blood fats is left under treatment.
func (p *person) statin(at time.Time) float64 {
	if since, part, ok := p.has("hyperlipidemia", at); ok {
		return 1 - 0.42*part*(1-fades(since, 0.25))
	}
	return 1
}

func (p *person) creatinine(at time.Time) float64 {
	if age := p.age(at); age < 16 {
		return 0.25 + 0.03*age
	}
	x := 0.96
	if p.female {
		x = 0.76
	}
	if since, part, ok := p.has("kidney disease", at); ok {
		x += 0.5 + 0.12*(1-part)*since
	}
	return x
}

// filtration is the CKD-EPI equation of 2021.
func (p *person) filtration(creatinine float64, at time.Time) float64 {
	k, a, sex := 0.9, -0.302, 1.0
	if p.female {
		k, a, sex = 0.7, -0.241, 1.012
	}
	return 142 * math.Pow(min(creatinine/k, 1), a) * math.Pow(max(creatinine/k, 1), -1.2) * math.Pow(0.9938, p.age(at)) * sex
}

// steady is a value that nothing moves.
func steady(x float64) func(*person, time.Time, *visit) float64 {
	return func(*person, time.Time, *visit) float64 { return x }
}

var labs = map[string]measure{
	"a1c":     {code{loinc, "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"}, unit("%", "%"), 1, 4, 5.7, func(p *person, at time.Time, _ *visit) float64 { return p.a1c(at) }, 0.12},
	"glucose": {code{loinc, "2345-7", "Glucose [Mass/volume] in Serum or Plasma"}, unit("mg/dL", "mg/dL"), 0, 70, 99, func(p *person, at time.Time, _ *visit) float64 { return 28.7*p.a1c(at) - 58 }, 7},
	"urea":    {code{loinc, "3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma"}, unit("mg/dL", "mg/dL"), 0, 7, 20, func(p *person, at time.Time, _ *visit) float64 { return 15 * p.creatinine(at) }, 1.5},
	"creatinine": {code{loinc, "2160-0", "Creatinine [Mass/volume] in Serum or Plasma"}, unit("mg/dL", "mg/dL"), 2, 0.5, 1.2,
		func(p *person, at time.Time, _ *visit) float64 { return p.creatinine(at) }, 0.04},
	"filtration": {code{loinc, "98979-8", "Glomerular filtration rate/1.73 sq M.predicted [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)"},
		unit("mL/min/{1.73_m2}", "mL/min/1.73m2"), 0, 60, 0, nil, 0},
	"sodium":        {code{loinc, "2951-2", "Sodium [Moles/volume] in Serum or Plasma"}, unit("mmol/L", "mmol/L"), 0, 136, 145, steady(140), 1.4},
	"potassium":     {code{loinc, "2823-3", "Potassium [Moles/volume] in Serum or Plasma"}, unit("mmol/L", "mmol/L"), 1, 3.5, 5.1, steady(4.2), 0.2},
	"chloride":      {code{loinc, "2075-0", "Chloride [Moles/volume] in Serum or Plasma"}, unit("mmol/L", "mmol/L"), 0, 98, 107, steady(102), 1.3},
	"calcium":       {code{loinc, "17861-6", "Calcium [Mass/volume] in Serum or Plasma"}, unit("mg/dL", "mg/dL"), 1, 8.6, 10.2, steady(9.4), 0.2},
	"cholesterol":   {code{loinc, "2093-3", "Cholesterol [Mass/volume] in Serum or Plasma"}, unit("mg/dL", "mg/dL"), 0, 0, 200, nil, 0},
	"ldl":           {code{loinc, "13457-7", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by calculation"}, unit("mg/dL", "mg/dL"), 0, 0, 130, ldl, 6},
	"hdl":           {code{loinc, "2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma"}, unit("mg/dL", "mg/dL"), 0, 40, 0, hdl, 2.5},
	"triglycerides": {code{loinc, "2571-8", "Triglyceride [Mass/volume] in Serum or Plasma"}, unit("mg/dL", "mg/dL"), 0, 0, 150, triglycerides, 14},
	"hemoglobin":    {code{loinc, "718-7", "Hemoglobin [Mass/volume] in Blood"}, unit("g/dL", "g/dL"), 1, 12, 17.5, hemoglobin, 0.25},
	"leukocytes":    {code{loinc, "6690-2", "Leukocytes [#/volume] in Blood by Automated count"}, unit("10*3/uL", "10*3/uL"), 1, 4, 11, steady(6.8), 0.8},
	"platelets":     {code{loinc, "777-3", "Platelets [#/volume] in Blood by Automated count"}, unit("10*3/uL", "10*3/uL"), 0, 150, 400, steady(248), 18},
	"ferritin": {code{loinc, "2276-4", "Ferritin [Mass/volume] in Serum or Plasma"}, unit("ng/mL", "ng/mL"), 0, 15, 200, func(p *person, at time.Time, _ *visit) float64 {
		if since, part, ok := p.has("anemia", at); ok {
			return 6 + 40*part*(1-fades(since, 0.6))
		}
		return 52
	}, 1.5},
	"tsh": {code{loinc, "3016-3", "Thyrotropin [Units/volume] in Serum or Plasma"}, unit("m[IU]/L", "mIU/L"), 2, 0.4, 4.5, func(p *person, at time.Time, _ *visit) float64 {
		if since, part, ok := p.has("hypothyroidism", at); ok {
			return 11.2 - 9*part*(1-fades(since, 0.3))
		}
		return 1.9
	}, 0.25},
	"inr":   {code{loinc, "6301-6", "INR in Platelet poor plasma by Coagulation assay"}, unit("{INR}", "INR"), 1, 2, 3, steady(2.5), 0.3},
	"bnp":   {code{loinc, "30934-4", "Natriuretic peptide B [Mass/volume] in Serum or Plasma"}, unit("pg/mL", "pg/mL"), 0, 0, 100, bnp, 25},
	"urate": {code{loinc, "3084-1", "Urate [Mass/volume] in Serum or Plasma"}, unit("mg/dL", "mg/dL"), 1, 3.5, 7.2, urate, 0.2},
}

func ldl(p *person, at time.Time, _ *visit) float64 {
	x := 96 + 0.3*min(p.age(at), 70)
	if _, _, ok := p.has("hyperlipidemia", End); ok {
		x += 52
	}
	return x * p.statin(at)
}

func hdl(p *person, at time.Time, _ *visit) float64 {
	x := 49.0
	if p.female {
		x = 58
	}
	return x - 0.5*max(p.bmi(at)-25, 0)
}

func triglycerides(p *person, at time.Time, _ *visit) float64 {
	return (82 + 4*max(p.bmi(at)-22, 0) + 14*max(p.a1c(at)-5.5, 0)) * (0.4 + 0.6*p.statin(at))
}

func hemoglobin(p *person, at time.Time, _ *visit) float64 {
	x := 14.8
	if p.female || p.age(at) < 14 {
		x = 13.4
	}
	if since, part, ok := p.has("anemia", at); ok {
		x -= 3.6 * (1 - part*(1-fades(since, 0.3)))
	}
	return x
}

func bnp(p *person, at time.Time, v *visit) float64 {
	x := 40.0
	if since, part, ok := p.has("heart failure", at); ok {
		x = 380 + 60*(1-part)*since
	}
	if v.class == "IMP" {
		x *= 2.4
	}
	return x
}

func urate(p *person, at time.Time, _ *visit) float64 {
	x := 5.6
	if since, part, ok := p.has("gout", at); ok {
		x = 9.1 - 3.7*part*(1-fades(since, 0.3))
	}
	return x
}

// take is the value of a measure with its scatter.
func (m *measure) take(r *rand.Rand, p *person, at time.Time, v *visit) float64 {
	return m.value(p, at, v) + m.spread*min(max(r.NormFloat64(), -2.2), 2.2)
}

// panel is a report of several results.
type panel struct {
	code    code
	results []string // keys of labs
}

var panels = map[string]panel{
	"metabolic": {code{loinc, "51990-0", "Basic metabolic panel - Blood"}, []string{"glucose", "urea", "creatinine", "filtration", "sodium", "potassium", "chloride", "calcium"}},
	"lipids":    {code{loinc, "57698-3", "Lipid panel with direct LDL - Serum or Plasma"}, []string{"cholesterol", "triglycerides", "hdl", "ldl"}},
	"blood":     {code{loinc, "58410-2", "CBC panel - Blood by Automated count"}, []string{"leukocytes", "hemoglobin", "platelets"}},
}
