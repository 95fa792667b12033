package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
	"github.com/firewarden/firewarden/store/mongo/mongotest"
)

// TestServersDuringAnIndexBuild: a server of a version with a new index builds it, says how far that is, and serves when
// it is there. The server of the version before goes on to read and write meanwhile, and what it writes is in the index.
// The database is held in the middle of the build.
func TestServersDuringAnIndexBuild(t *testing.T) {
	member := mongotest.Start(t, append(mongotest.TestCommands, "--replSet", mongotest.Set)...)
	uri, err := mongotest.Initiate(t.Context(), member.Address)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--store", uri, "--base-url", "http://firewarden.test", "--admin-key", "key-of-these-tests",
		"--anonymous", "system/*.cruds"}
	old := start(t, args...)
	put := func(id string) {
		t.Helper()
		patient := `{"resourceType":"Patient","id":"` + id + `","name":[{"family":"Chalmers"}]}`
		if res, body := old.do("PUT", "/fhir/Patient/"+id, patient); res.StatusCode/100 != 2 {
			t.Fatalf("write %s: %s: %s", id, res.Status, body)
		}
	}
	const filled = 40
	for i := range filled {
		put(fmt.Sprintf("before-%d", i))
	}

	mongotest.DropIndex(t, uri, "resources", "text")
	release := sync.OnceFunc(mongotest.HoldBuilds(t, uri, "Patient/before-30"))
	defer release()

	var said program.Output
	serving, ended := make(chan Addresses, 1), make(chan int, 1)
	ctx, stop := context.WithCancel(t.Context())
	next := Main{Args: append(args, "--listen", "127.0.0.1:0"), Stdout: &said, Stderr: &said, Started: func(a Addresses) { serving <- a }}
	go func() { ended <- next.Run(ctx) }()
	defer func() { stop(); <-ended }()
	said.Await(t, "resources.text: ")
	t.Logf("it says:\n%s", said.String())
	if text := fmt.Sprintf("builds its index resources.text: 30 of %d", filled); !strings.Contains(said.String(), text) {
		t.Errorf("not %q", text)
	}

	for i := range 5 {
		put(fmt.Sprintf("while-%d", i))
	}
	put("before-1") // a version more
	if n := old.count("/fhir/Patient?family=Chalmers"); n != filled+5 {
		t.Errorf("the old server finds %d", n)
	}
	select {
	case <-serving:
		t.Error("the new one serves without the index")
	case code := <-ended:
		ended <- code
		t.Fatalf("the new one has ended with %d: %s", code, said.String())
	default:
	}

	release()
	var a Addresses
	select {
	case a = <-serving:
	case <-time.After(program.Patience):
		t.Fatalf("the new one does not serve: %s", said.String())
	}
	both := &running{t: t, url: "http://" + a.Listen}
	if n := both.count("/fhir/Patient?family:contains=halmer"); n != filled+5 {
		t.Errorf("by the new index the new server finds %d", n)
	}
	if res, _ := both.do("GET", "/fhir/Patient/before-1/_history/2", ""); res.StatusCode != http.StatusOK {
		t.Errorf("what was written meanwhile: %s", res.Status)
	}
}
