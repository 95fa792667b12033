// Package plain draws the pages of the authorization server with nothing but what they need: one template each, no
// style, no script. Tests go through it, and a server without a user interface has it.
//
// What never belongs here: decisions; a page is told everything.
//
//	auth.New(ctx, auth.Options{Pages: plain.Pages{}, …})
package plain
