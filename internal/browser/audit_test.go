package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firewarden/firewarden/internal/program"
)

// TestAuditLog: an administrator finds an event in the log by what happened and what came of it, goes on to older ones, and
// looks at one as it is; a patient does so with what is about the patient.
func TestAuditLog(t *testing.T) {
	s := sandbox(t)
	b := chromium(t)
	s.call(s.key, "GET", "/fhir/Observation/none", "")
	for i := range 60 {
		s.call(s.key, "GET", fmt.Sprintf("/fhir/Patient/patient-00%d", 1+i%2), "")
	}
	b.open(s.url + "/audit")
	b.heading("Sign in")
	b.press("Demo admin")
	b.heading("Audit log")
	rows := func(holds string) string {
		return fmt.Sprintf("[...document.querySelectorAll('tbody tr')].filter(r => r.innerText.includes(%s)).length", quote(holds))
	}
	pick := func(label, value string) {
		t.Helper()
		b.text(fmt.Sprintf("%s.control.value = %s", element("label", label), quote(value)))
	}
	heading := "Audit log"
	show := func() {
		t.Helper()
		for deadline := time.Now().Add(program.Patience); ; { // what was done just now is in the log within a second
			b.text("window.old = true")
			b.press("Show")
			b.until("another page", "!window.old")
			b.heading(heading)
			if b.text("document.querySelectorAll('tbody tr').length") != "0" || time.Now().After(deadline) {
				return
			}
		}
	}
	only := func(holds string) {
		t.Helper()
		if all, some := b.text("document.querySelectorAll('tbody tr').length"), b.text(rows(holds)); all != some || all == "0" {
			t.Errorf("%s of %s events are of %s", some, all, holds)
		}
	}
	pick("Interaction", "login")
	show()
	only("login")
	pick("Interaction", "read")
	pick("Outcome", "refused")
	show()
	only("Observation/none")
	if chosen := b.text(element("label", "Interaction")+".control.value") + " " + b.text(element("label", "Outcome")+".control.value"); chosen != "read refused" {
		t.Errorf("chosen is %q", chosen)
	}
	pick("Outcome", "allowed")
	show()
	only("Patient/patient-00")
	b.press("Older events")
	b.until("the next page", "location.search.includes('page=') && location.search.includes('interaction=read')")
	b.heading("Audit log")
	only("Patient/patient-00")
	b.click("document.querySelector('tbody th a')")
	b.heading("read, allowed")
	for _, words := range []string{"administrator", "Patient/patient-00", `"resourceType": "AuditEvent"`} {
		if !strings.Contains(b.text("document.querySelector('main').innerText"), words) {
			t.Errorf("the event does not say %q", words)
		}
	}
	b.press("The audit log")
	b.heading("Audit log")

	b = chromium(t)
	b.open(s.url + "/audit")
	b.heading("Sign in")
	b.press("Demo patient")
	b.heading("Who has looked")
	pick("Interaction", "read")
	heading = "Who has looked"
	show()
	only("Patient/patient-001")
	b.click("document.querySelector('tbody th a')")
	b.heading("read, allowed")
	b.press("All who have looked")
	b.heading("Who has looked")
}
