// Package browser tests Firewarden as people and their apps meet it: the program runs as a process of its own, a
// headless Chromium shows its pages, and a web app on an origin of its own, made with the npm package fhirclient,
// launches, signs in, reads and refreshes. It holds no code of the product.
//
// A test that drives a page fails if the browser says anything is wrong with it (console, exceptions, refused by the
// Content-Security-Policy), unless it has said so before with expect; the page it failed on is drawn to a file.
//
// The tests skip without Chromium (found by name, or by FIREWARDEN_CHROMIUM), and those with apps without
// FIREWARDEN_FHIRCLIENT, the folder of the unpacked npm package; .ci/run brings both. With FIREWARDEN_SCREENSHOTS, a
// folder, every page that the tests come by is drawn there for people to look at, at the width of a desk and of a phone.
//
// What never belongs here: what can be tested without a browser.
//
//	s := sandbox(t)                          // the program
//	a := s.app("sandbox-public")             // a page with fhirclient, on an origin of its own
//	b := chromium(t)
//	b.open(a.launch("openid launch/patient patient/*.rs"))
//	b.heading("Sign in"); b.press("Demo practitioner")
package browser
