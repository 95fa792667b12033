// Package program builds firewarden as the Dockerfile does, once for all tests of a package, and runs it as a process of
// its own: what these tests run is what ships. Tests wait by it for what has to come. What a test asks of the process never
// belongs here.
//
//	func TestMain(m *testing.M) { code := m.Run(); program.Remove(); os.Exit(code) }
//
//	p := program.Start(t, program.FreePort(t), "serve", "--store", dir)
//	http.Get(p.URL + "/fhir/metadata")
//	p.Kill()
package program
