package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
	"github.com/firewarden/firewarden/search/plan"
	"github.com/firewarden/firewarden/store"
)

// world is a store of charts: vital signs and laboratory results over ten years, as Synthea writes them. The number of
// patients is that of FIREWARDEN_BENCH_PATIENTS, 500 if it is not set; each has 250 observations.
type world struct {
	*Store
	plan.Unguarded
	patients int
}

const eachPatient = 250

var codes = [...]struct{ code, display, category, unit string }{
	{"8867-4", "Heart rate", "vital-signs", "/min"}, {"9279-1", "Respiratory rate", "vital-signs", "/min"},
	{"29463-7", "Body Weight", "vital-signs", "kg"}, {"8302-2", "Body Height", "vital-signs", "cm"},
	{"39156-5", "Body Mass Index", "vital-signs", "kg/m2"}, {"72514-3", "Pain severity", "vital-signs", "{score}"},
	{"2339-0", "Glucose", "laboratory", "mg/dL"}, {"4548-4", "Hemoglobin A1c", "laboratory", "%"},
	{"2093-3", "Total Cholesterol", "laboratory", "mg/dL"}, {"2571-8", "Triglycerides", "laboratory", "mg/dL"},
	{"6299-2", "Urea Nitrogen", "laboratory", "mg/dL"}, {"38483-4", "Creatinine", "laboratory", "mg/dL"},
	{"2947-0", "Sodium", "laboratory", "mmol/L"}, {"6298-4", "Potassium", "laboratory", "mmol/L"},
}

func uuid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xFFFF, a&0xFFF, b>>48&0xFFF, b&0xFFFFFFFFFFFF)
}

// patientID is the id of the nth patient.
func patientID(n int) string {
	for i := len(patientIDs); i <= n; i++ {
		patientIDs = append(patientIDs, uuid(rand.New(rand.NewPCG(uint64(i), 7))))
	}
	return patientIDs[n]
}

var patientIDs []string

func observation(r *rand.Rand, id, patient, encounter string, at time.Time) string {
	c := codes[r.IntN(len(codes))]
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"meta":{"versionId":"1","lastUpdated":"2026-11-22T08:00:00.000Z"},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":%q,"display":%[3]q}]}],"code":{"coding":[{"system":"http://loinc.org","code":%[4]q,"display":%[5]q}],"text":%[5]q},"subject":{"reference":"Patient/%[6]s"},"encounter":{"reference":"Encounter/%[7]s"},"effectiveDateTime":%[8]q,"issued":%[9]q,"valueQuantity":{"value":%[10]d.%[11]d,"unit":%[12]q,"system":"http://unitsofmeasure.org","code":%[12]q}}`,
		id, c.category, c.category, c.code, c.display, patient, encounter,
		at.Format("2006-01-02T15:04:05-05:00"), at.Format("2006-01-02T15:04:05.000-05:00"), r.IntN(200), r.IntN(10), c.unit)
}

func parsed(b testing.TB, id, body string) store.Write {
	res, err := fhir.Parse([]byte(body), fhir.Limits{})
	if err != nil {
		b.Fatal(err)
	}
	return store.Write{Row: plan.Row{Type: res.Type, ID: id, Version: 1, LastUpdated: 1_795_000_000_000_000, Method: "POST", Body: res.Bytes},
		Resource: res, Fresh: true}
}

// chart is a patient with the observations.
func chart(b testing.TB, n int) []store.Write {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	p := patientID(n)
	writes := []store.Write{parsed(b, p, fmt.Sprintf(`{"resourceType":"Patient","id":%q,"meta":{"versionId":"1","lastUpdated":"2026-11-22T08:00:00.000Z"},"identifier":[{"system":"https://github.com/synthetichealth/synthea","value":%[1]q}],"name":[{"use":"official","family":"Family%d","given":["Given%d"]}],"gender":%q,"birthDate":"%d-%02d-%02d"}`,
		p, n%997, n%1009, []string{"male", "female"}[n%2], 1930+n%90, n%12+1, n%28+1))}
	encounter := uuid(r)
	for i := range eachPatient {
		if i%8 == 0 {
			encounter = uuid(r)
		}
		at := time.Date(2016, 1, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(10*365*24*3600)) * time.Second)
		id := uuid(r)
		writes = append(writes, parsed(b, id, observation(r, id, p, encounter, at)))
	}
	return writes
}

var (
	sharedWorld *world
	worldOnce   sync.Once
)

// benchWorld is the world that benchmarks read; the first one that asks pays for it.
func benchWorld(b *testing.B) *world {
	worldOnce.Do(func() {
		patients := 500
		if n, err := strconv.Atoi(os.Getenv("FIREWARDEN_BENCH_PATIENTS")); err == nil {
			patients = n
		}
		dir, err := os.MkdirTemp("", "firewarden-bench")
		if err != nil {
			b.Fatal(err)
		}
		s, err := Open(Options{Dir: filepath.Join(dir, "store"), Mode: "bench", Indexer: &index.Indexer{}})
		if err != nil {
			b.Fatal(err)
		}
		for n := range patients {
			if err := s.Commit(context.Background(), store.Commit{Writes: chart(b, n)}); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Compact(context.Background()); err != nil {
			b.Fatal(err)
		}
		sharedWorld = &world{s, plan.ForTest(b), patients}
	})
	b.ReportAllocs()
	b.ResetTimer()
	return sharedWorld
}

func TestMain(m *testing.M) {
	code := m.Run()
	if sharedWorld != nil {
		dir := sharedWorld.opts.Dir
		sharedWorld.Close()
		os.RemoveAll(filepath.Dir(dir))
	}
	os.Exit(code)
}

func (w *world) snapshot(b *testing.B) store.Snapshot {
	snap, err := w.Snapshot(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	return snap
}

// page selects, in a snapshot of its own, and demands rows.
func (w *world) page(b *testing.B, typ string, n plan.Node, win plan.Window) plan.Page {
	snap := w.snapshot(b)
	defer snap.Close()
	p, err := snap.Select(context.Background(), w.Bound(typ, n), win)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

func num(typ, code string) uint16 { return byCode(typ, code).Num }

func (w *world) patient(n int) plan.Term {
	return plan.Term{Num: num("Observation", "patient"), Form: index.FormReference, Text: "Patient/" + patientID(n%w.patients)}
}

func code(n int) plan.Term {
	return plan.Term{Num: num("Observation", "code"), Form: index.FormSystemCode, Text: "http://loinc.org|" + codes[n%len(codes)].code}
}

func category(c string) plan.Term {
	return plan.Term{Num: num("Observation", "category"), Form: index.FormCode, Text: c}
}

func since(year int) plan.Node {
	low := index.DateKey(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	n := num("Observation", "date")
	return plan.Or{plan.Range{Num: n, Low: plan.Span{Min: low}},
		plan.Range{Num: n, Low: plan.Span{Max: low, MaxOpen: true}, High: plan.Span{Min: low, MinOpen: true}}}
}

func above(v string) plan.Range {
	d, err := fhir.ParseDecimal(v)
	if err != nil {
		panic(err)
	}
	return plan.Range{Num: num("Observation", "value-quantity"), High: plan.Span{Min: index.Key(d.Key()), MinOpen: true}}
}

func BenchmarkRead(b *testing.B) {
	w := benchWorld(b)
	for i := 0; b.Loop(); i++ {
		snap := w.snapshot(b)
		if _, ok, err := snap.Read(context.Background(), w.Key("Patient", patientID(i%w.patients))); !ok || err != nil {
			b.Fatal(ok, err)
		}
		snap.Close()
	}
}

// BenchmarkSelect is the shapes of a chart and of a whole type; a page is 20.
func BenchmarkSelect(b *testing.B) {
	shapes := []struct {
		name string
		typ  string
		node func(w *world, i int) plan.Node
		win  plan.Window
	}{
		{"All", "Observation", func(*world, int) plan.Node { return plan.All{} }, plan.Window{}},
		{"Patient", "Observation", func(w *world, i int) plan.Node { return w.patient(i) }, plan.Window{}},
		{"PatientCode", "Observation", func(w *world, i int) plan.Node { return plan.And{w.patient(i), code(i)} }, plan.Window{}},
		{"PatientCodeDate", "Observation", func(w *world, i int) plan.Node { return plan.And{w.patient(i), code(i), since(2020)} }, plan.Window{}},
		{"PatientCategoryDate", "Observation", func(w *world, i int) plan.Node { return plan.And{w.patient(i), category("laboratory"), since(2020)} }, plan.Window{}},
		{"Patients5Code", "Observation", func(w *world, i int) plan.Node {
			return plan.And{plan.Terms{index.Term(w.patient(i)), index.Term(w.patient(i + 1)), index.Term(w.patient(i + 2)), index.Term(w.patient(i + 3)), index.Term(w.patient(i + 4))}, code(i)}
		}, plan.Window{}},
		{"Code", "Observation", func(_ *world, i int) plan.Node { return code(i) }, plan.Window{}},
		{"CodeDate", "Observation", func(_ *world, i int) plan.Node { return plan.And{code(i), since(2020)} }, plan.Window{}},
		{"CategoryDate", "Observation", func(_ *world, i int) plan.Node { return plan.And{category("vital-signs"), since(2018)} }, plan.Window{}},
		{"Date", "Observation", func(_ *world, i int) plan.Node { return since(2020) }, plan.Window{}},
		{"CodeCategory", "Observation", func(_ *world, i int) plan.Node { return plan.And{code(i % 6), category("vital-signs")} }, plan.Window{}},
		{"CodeQuantity", "Observation", func(_ *world, i int) plan.Node { return plan.And{code(i), above("190")} }, plan.Window{}},
		{"Codes10", "Observation", func(_ *world, i int) plan.Node {
			var ts plan.Terms
			for k := range 10 {
				ts = append(ts, index.Term(code(k)))
			}
			return ts
		}, plan.Window{}},
		{"CodeTotal", "Observation", func(_ *world, i int) plan.Node { return code(i) }, plan.Window{Total: true}},
		{"CodeCategoryTotal", "Observation", func(_ *world, i int) plan.Node { return plan.And{code(i % 6), category("vital-signs")} }, plan.Window{Total: true}},
		{"AllTotal", "Observation", func(*world, int) plan.Node { return plan.All{} }, plan.Window{Total: true}},
		{"Missing", "Observation", func(*world, int) plan.Node {
			return plan.Not{X: plan.Term{Num: num("Observation", "encounter"), Form: index.FormPresent}}
		}, plan.Window{Total: true}},
		{"Identifier", "Patient", func(w *world, i int) plan.Node {
			return plan.Term{Num: num("Patient", "identifier"), Form: index.FormSystemCode, Text: "https://github.com/synthetichealth/synthea|" + patientID(i%w.patients)}
		}, plan.Window{}},
		{"NamePrefix", "Patient", func(w *world, i int) plan.Node {
			return plan.Prefix{Num: num("Patient", "family"), Form: index.FormString, Text: "family12"}
		}, plan.Window{}},
		{"DateAscending", "Observation", func(_ *world, i int) plan.Node { return code(i) }, plan.Window{Sort: []plan.SortKey{{P: byCode("Observation", "date")}}}},
		{"Nothing", "Observation", func(_ *world, i int) plan.Node {
			return plan.And{code(i), plan.Term{Num: num("Observation", "code"), Form: index.FormCode, Text: "none"}}
		}, plan.Window{}},
	}
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			w := benchWorld(b)
			s.win.Limit = 20
			read, rows := 0, 0
			for i := 0; b.Loop(); i++ {
				p := w.page(b, s.typ, s.node(w, i), s.win)
				read += p.Read
				rows += len(p.Rows)
			}
			if empty := s.name == "Nothing" || s.name == "Missing"; empty != (rows == 0) {
				b.Fatalf("%d rows", rows)
			}
			b.ReportMetric(float64(read)/float64(b.N), "read/op")
			b.ReportMetric(float64(rows)/float64(b.N), "rows/op")
		})
	}
}

// BenchmarkPage is a page deep in a long result.
func BenchmarkPage(b *testing.B) {
	w := benchWorld(b)
	deep := w.page(b, "Observation", code(3), plan.Window{Limit: 5000, Bare: true}).Next
	b.ResetTimer()
	for b.Loop() {
		if p := w.page(b, "Observation", code(3), plan.Window{Limit: 20, After: deep}); len(p.Rows) != 20 {
			b.Fatalf("%d rows", len(p.Rows))
		}
	}
}

// BenchmarkCommit is durable creates of one observation each, by one writer and by 32.
func BenchmarkCommit(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) {
			s, err := Open(Options{Dir: b.TempDir(), Mode: "bench", Indexer: &index.Indexer{}})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			var all []store.Write
			for n := 0; len(all) < b.N && len(all) < 20_000; n++ {
				all = append(all, chart(b, n)...)
			}
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Int64
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(uint64(w), 3))
					for {
						i := int(next.Add(1))
						if i > b.N {
							return
						}
						w := all[i%len(all)]
						w.ID = uuid(r)
						if err := s.Commit(context.Background(), store.Commit{Writes: []store.Write{w}}); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkUpdate is durable updates of one resource after another, the value changing.
func BenchmarkUpdate(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), Mode: "bench", Indexer: &index.Indexer{}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	all := chart(b, 1)
	if err := s.Commit(context.Background(), store.Commit{Writes: all}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		w := all[1+i%eachPatient]
		w.Version = uint64(i/eachPatient) + 2
		w.Fresh = false
		if err := s.Commit(context.Background(), relying(w)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBulk is a load: a chart of 251 resources a commit.
func BenchmarkBulk(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), Mode: "bench", Indexer: &index.Indexer{}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		b.StopTimer()
		writes := chart(b, n)
		b.StartTimer()
		n++
		if err := s.Commit(context.Background(), store.Commit{Writes: writes}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*(eachPatient+1))/b.Elapsed().Seconds(), "resources/s")
}
