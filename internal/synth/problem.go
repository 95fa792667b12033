package synth

// problem is a lasting condition with what it brings.
type problem struct {
	code  code
	drugs []string // keys of drugs that treat it from its onset
	every int      // days between visits on account of it
	who   int      // index of practitioners who see the patient for it
	labs  []string // measures of its visits
}

var problems = map[string]problem{
	"hypertension":     {code{snomed, "38341003", "Hypertensive disorder"}, []string{"lisinopril"}, 182, familyDoctor, []string{"creatinine", "potassium"}},
	"diabetes":         {code{snomed, "44054006", "Diabetes mellitus type 2"}, []string{"metformin"}, 121, familyDoctor, []string{"a1c", "glucose"}},
	"type 1 diabetes":  {code{snomed, "46635009", "Diabetes mellitus type 1"}, []string{"insulin"}, 91, endocrinologist, []string{"a1c", "glucose"}},
	"hyperlipidemia":   {code{snomed, "55822004", "Hyperlipidemia"}, []string{"simvastatin"}, 365, familyDoctor, nil},
	"prediabetes":      {code{snomed, "15777000", "Prediabetes"}, nil, 182, familyDoctor, []string{"a1c", "glucose"}},
	"obesity":          {code{snomed, "162864005", "Body mass index 30+ - obesity"}, nil, 182, familyDoctor, nil},
	"asthma":           {code{snomed, "195967001", "Asthma"}, []string{"fluticasone", "albuterol"}, 121, pediatrician, nil},
	"copd":             {code{snomed, "13645005", "Chronic obstructive lung disease"}, []string{"salmeterol", "albuterol"}, 121, internist, nil},
	"coronary disease": {code{snomed, "53741008", "Coronary arteriosclerosis"}, []string{"aspirin", "metoprolol", "clopidogrel"}, 182, cardiologist, nil},
	"kidney disease":   {code{snomed, "433144002", "Chronic kidney disease stage 3"}, nil, 121, internist, []string{"creatinine", "urea", "sodium", "potassium"}},
	"hypothyroidism":   {code{snomed, "40930008", "Hypothyroidism"}, []string{"levothyroxine"}, 182, familyDoctor, []string{"tsh"}},
	"heart failure":    {code{snomed, "84114007", "Heart failure"}, []string{"furosemide", "metoprolol"}, 121, cardiologist, []string{"bnp", "sodium", "potassium"}},
	"fibrillation":     {code{snomed, "49436004", "Atrial fibrillation"}, []string{"warfarin"}, 91, cardiologist, []string{"inr"}},
	"migraine":         {code{snomed, "37796009", "Migraine"}, []string{"naproxen"}, 182, familyDoctor, nil},
	"anemia":           {code{snomed, "87522002", "Iron deficiency anemia"}, []string{"iron"}, 121, familyDoctor, []string{"hemoglobin", "ferritin"}},
	"gout":             {code{snomed, "90560007", "Gout"}, []string{"allopurinol"}, 182, familyDoctor, []string{"urate"}},
	"rhinitis":         {code{snomed, "61582004", "Allergic rhinitis"}, []string{"cetirizine"}, 365, familyDoctor, nil},
}

// drug is a medication with how it is taken.
type drug struct {
	code   code
	dose   string // for people
	times  int    // a day
	needed bool   // only as needed
}

var drugs = map[string]drug{
	"lisinopril":    {code{rxnorm, "314076", "lisinopril 10 MG Oral Tablet"}, "1 tablet every morning", 1, false},
	"amlodipine":    {code{rxnorm, "197361", "Amlodipine 5 MG Oral Tablet"}, "1 tablet every morning", 1, false},
	"metformin":     {code{rxnorm, "860975", "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet"}, "1 tablet twice a day with meals", 2, false},
	"insulin":       {code{rxnorm, "106892", "insulin human, isophane 70 UNT/ML / Regular Insulin, Human 30 UNT/ML Injectable Suspension [Humulin]"}, "as the plan says, before breakfast and supper", 2, false},
	"simvastatin":   {code{rxnorm, "312961", "Simvastatin 20 MG Oral Tablet"}, "1 tablet at bedtime", 1, false},
	"fluticasone":   {code{rxnorm, "895994", "120 ACTUAT Fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler"}, "2 puffs twice a day", 2, false},
	"albuterol":     {code{rxnorm, "745679", "200 ACTUAT Albuterol 0.09 MG/ACTUAT Metered Dose Inhaler"}, "2 puffs as needed", 4, true},
	"salmeterol":    {code{rxnorm, "896209", "60 ACTUAT Fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 MG/ACTUAT Dry Powder Inhaler"}, "1 puff twice a day", 2, false},
	"aspirin":       {code{rxnorm, "243670", "Aspirin 81 MG Oral Tablet"}, "1 tablet a day", 1, false},
	"metoprolol":    {code{rxnorm, "866414", "24 HR metoprolol succinate 100 MG Extended Release Oral Tablet [Toprol]"}, "1 tablet every morning", 1, false},
	"clopidogrel":   {code{rxnorm, "309362", "Clopidogrel 75 MG Oral Tablet"}, "1 tablet a day", 1, false},
	"levothyroxine": {code{rxnorm, "966222", "Levothyroxine Sodium 0.075 MG Oral Tablet"}, "1 tablet every morning before breakfast", 1, false},
	"furosemide":    {code{rxnorm, "313988", "Furosemide 40 MG Oral Tablet"}, "1 tablet every morning", 1, false},
	"warfarin":      {code{rxnorm, "855332", "Warfarin Sodium 5 MG Oral Tablet"}, "1 tablet a day, as the INR says", 1, false},
	"naproxen":      {code{rxnorm, "198014", "Naproxen 500 MG Oral Tablet"}, "1 tablet as needed", 2, true},
	"iron":          {code{rxnorm, "310325", "ferrous sulfate 325 MG Oral Tablet"}, "1 tablet a day", 1, false},
	"allopurinol":   {code{rxnorm, "197319", "Allopurinol 100 MG Oral Tablet"}, "1 tablet a day", 1, false},
	"cetirizine":    {code{rxnorm, "1014676", "cetirizine hydrochloride 5 MG Oral Tablet"}, "1 tablet a day from April to July", 1, false},
	"amoxicillin":   {code{rxnorm, "308182", "Amoxicillin 250 MG Oral Capsule"}, "1 capsule three times a day for a week", 3, false},
	"acetaminophen": {code{rxnorm, "198440", "Acetaminophen 500 MG Oral Tablet"}, "1 tablet as needed, no more than 4 a day", 4, true},
	"ibuprofen":     {code{rxnorm, "310965", "Ibuprofen 200 MG Oral Tablet"}, "1 tablet as needed", 3, true},
}

// illness is something that passes.
type illness struct {
	code    code
	drug    string
	fever   float64 // degrees above normal
	days    int
	adults  bool // only adults get it
	airways bool // lowers the oxygen
}

var illnesses = []illness{
	{code{snomed, "54150009", "Upper respiratory infection"}, "acetaminophen", 0.9, 9, false, false},
	{code{snomed, "10509002", "Acute bronchitis"}, "acetaminophen", 1.2, 14, false, true},
	{code{snomed, "65363002", "Otitis media"}, "amoxicillin", 1.4, 10, false, false},
	{code{snomed, "43878008", "Streptococcal sore throat"}, "amoxicillin", 1.8, 8, false, false},
	{code{snomed, "25374005", "Gastroenteritis"}, "", 0.6, 5, false, false},
	{code{snomed, "44465007", "Sprain of ankle"}, "ibuprofen", 0, 28, false, false},
	{code{snomed, "278860009", "Chronic low back pain"}, "ibuprofen", 0, 60, true, false},
	{code{snomed, "68566005", "Urinary tract infection"}, "amoxicillin", 0.7, 7, true, false},
}

// allergy is what a patient must not get.
type allergy struct {
	code     code
	category string
	high     bool
	reaction code
}

var allergies = map[string]allergy{
	"penicillin": {code{snomed, "91936005", "Allergy to penicillin"}, "medication", true, code{snomed, "126485001", "Urticaria"}},
	"peanut":     {code{snomed, "91935009", "Allergy to peanut"}, "food", true, code{snomed, "39579001", "Anaphylaxis"}},
	"pollen":     {code{snomed, "782576004", "Allergy to tree pollen"}, "environment", false, code{snomed, "76067001", "Sneezing"}},
}

// event is an admission or an operation on a day of one life.
type event struct {
	on        string // date
	class     string // EMER or IMP
	days      int
	problem   code
	procedure code
}

// child is a vaccination of the childhood schedule, by age in months.
var childhood = []struct {
	months  int
	code    string
	display string
}{
	{0, "08", "Hep B, adolescent or pediatric"}, {2, "08", "Hep B, adolescent or pediatric"}, {2, "20", "DTaP"}, {2, "10", "IPV"},
	{2, "133", "Pneumococcal conjugate PCV 13"}, {4, "20", "DTaP"}, {4, "10", "IPV"}, {4, "133", "Pneumococcal conjugate PCV 13"},
	{6, "20", "DTaP"}, {6, "08", "Hep B, adolescent or pediatric"}, {12, "03", "MMR"}, {12, "21", "varicella"},
	{12, "83", "Hep A, ped/adol, 2 dose"}, {15, "20", "DTaP"}, {18, "83", "Hep A, ped/adol, 2 dose"}, {48, "03", "MMR"},
	{48, "21", "varicella"}, {48, "10", "IPV"}, {132, "115", "Tdap"}, {132, "114", "meningococcal MCV4P"}, {144, "62", "HPV, quadrivalent"},
}
