package server

import (
	"slices"
	"strings"

	"github.com/firewarden/firewarden/auth"
	"github.com/firewarden/firewarden/conformance"
	"github.com/firewarden/firewarden/conformance/r4"
	"github.com/firewarden/firewarden/search"
	"github.com/firewarden/firewarden/server/ui"
)

// api is the table of routes in words, those that are answered: what /docs and /openapi.json say. A path that ends
// with a slash is another spelling of one without. Rows that do the same stand together.
func api(table []route) []ui.Operation {
	var list []ui.Operation
	for _, group := range []string{"The server", "Resources", "History", "Operations", administering} {
		for _, r := range table {
			t := wordsOf(r)
			if r.serve == nil || t.group != group || strings.HasSuffix(r.path, "/") {
				continue
			}
			at := len(list)
			for i, o := range list {
				if o.Title == t.title && o.Group == group {
					at = i + 1
				}
			}
			list = slices.Insert(list, at, ui.Operation{Method: r.method, Path: label(r.path), Title: t.title, Detail: t.detail, Group: group, Open: r.open && !r.mounted})
		}
	}
	if slices.ContainsFunc(table, func(r route) bool { return r.smart }) {
		for _, r := range auth.Routes() {
			if r.Text != "" {
				list = append(list, ui.Operation{Method: r.Method, Path: r.Path, Title: r.Text, Group: administering})
			}
		}
	}
	return list
}

// telling is what a row does.
type telling struct{ group, title, detail string }

// wordsOf says what a row does, by its interaction, its operation or its path. Pages are not part of the API and get
// no group.
func wordsOf(r route) telling {
	key := r.path
	switch {
	case r.op != "":
		key = "$" + r.op
	case r.where:
		key = r.codes + "?"
	case r.codes != "":
		key = r.codes
	}
	return tellings[key]
}

// tellings by the code of an interaction (with ? if it is by condition), the name of an operation, or a path. A test
// wants every row of the table here.
var tellings = map[string]telling{
	"/":                    {},
	"/docs":                {},
	"/assets/:name":        {},
	whyPagePath:            {},
	auditPagePath:          {},
	auditPagePath + "/:id": {},

	// What is below these is OAuth's, which its own documents describe, and administrators'.
	"/api/*":              {},
	"/auth/*":             {},
	"/.well-known/*":      {},
	"/fhir/.well-known/*": {},

	"/openapi.json": {"The server", "This description for tools", "OpenAPI 3.1."},
	"/health":       {"The server", "Health", "503 while the store does not work and during a shutdown."},
	"/health/live":  {"The server", "Whether the process lives", ""},
	"/health/ready": {"The server", "Whether requests can be answered", "The same as /health."},

	"capabilities":      {"The server", "What the server can do", "A CapabilityStatement: types, interactions, search parameters, operations."},
	"batch transaction": {"Resources", "Do several things at once", "A Bundle of type batch (each by itself) or transaction (all or nothing), with urn:uuid: and conditional references resolved."},
	"read":              {"Resources", "Read a resource", "With If-None-Match or If-Modified-Since, 304 says that the one you have is current."},
	"vread":             {"History", "Read an old version", ""},
	"create":            {"Resources", "Create a resource", "The server gives the id. With If-None-Exist and a search, only if the search finds nothing."},
	"update":            {"Resources", "Update a resource", "The body has the same id. With If-Match and an ETag, only if nobody was faster."},
	"update?":           {"Resources", "Update what a search finds", "One match is updated, none is created, several are refused."},
	"patch":             {"Resources", "Patch a resource", "JSON Patch or FHIRPath Patch. With If-Match and an ETag, only if nobody was faster."},
	"patch?":            {"Resources", "Patch what a search finds", "Exactly one match."},
	"delete":            {"Resources", "Delete a resource", "Its history stays. Deleting what is not there succeeds."},
	"delete?":           {"Resources", "Delete what a search finds", ""},
	"search-type":       {"Resources", "Search resources of a type", "By the search parameters of the type, chains, _has and includes; a misspelt name is an error. /fhir/Patient/1/Observation searches the members of a compartment, /fhir/Patient/1/* all of them. The answer is a Bundle with links to its next page. By POST the parameters are a form: they stay out of logs and may be long."},
	"search-system":     {"Resources", "Search resources of several types", "_type names them; without it all. By parameters that all of them have. Without _sort they come type by type."},
	"history-instance":  {"History", "Versions of a resource", "The newest first, deletions too."},
	"history-type":      {"History", "Changes of a type", "The newest first."},
	"history-system":    {"History", "Changes of everything", "The newest first."},

	"$meta":        {"Operations", "Tags, profiles and security labels", "Of a resource, or all those in use."},
	"$meta-add":    {"Operations", "Add tags, profiles or security labels", ""},
	"$meta-delete": {"Operations", "Take away tags, profiles or security labels", ""},

	whyMount:       {administering, "Why something may be seen, or not", "Of each ref: which scopes match, by which parameter it is linked to the patient, which constraint fails, and the smallest scope that would do. In a sandbox an access token explains itself; everywhere an administrator names a grant, or a client with scopes, patient and user. A token is sent by POST, in a JSON object."},
	auditMount:     {administering, "Who looked", "The audit log, for administrators' scripts. As FHIR it is /fhir/AuditEvent."},
	verifyMount:    {administering, "Whether the audit log is what was written", "A few batches of the chain with each request: next of the answer goes on, fault says where the chain is broken, sum is that of the last batch. Writes go on meanwhile."},
	parametersPath: {administering, "How far own search parameters are", "For administrators: which are enabled, and which are being indexed."},
}

const administering = "Who may what, and who did"

// asked are the parameters of paths that are not FHIR's.
var asked = map[string][]ui.Parameter{
	whyMount: {
		{Name: "ref", Text: "A resource, as in Observation/9; several times for several."},
		{Name: "grant", Text: "Whose access: a grant by its id, or by the jti of a token of it."},
		{Name: "client", Text: "Or that of a token that would be made for this client, with scope, patient and user."},
		{Name: "scope", Text: "Its scopes, with blanks between them."},
		{Name: "patient", Text: "Its patient in context: an id."},
		{Name: "user", Text: "The name of the user whose policy bounds it."},
	},
	auditMount: {
		{Name: "user", Text: "Of this user only."},
		{Name: "client", Text: "Of this client only."},
		{Name: "patient", Text: "About this patient only: an id."},
		{Name: "interaction", Text: "Of this kind only: a FHIR interaction, operation, or one of login, logout, consent, token, revoke, introspect, register, change, look, import, export, strangers."},
		{Name: "outcome", Text: "allowed, refused or failed."},
		{Name: "since", Text: "From this date or time on."},
		{Name: "until", Text: "Up to this date or time."},
		{Name: "format", Text: "json, ndjson or csv."},
		{Name: "page", Text: "What X-Next-Page of the answer before said."},
	},
	verifyMount: {
		{Name: "since", Text: "The sum of an earlier proof that was kept elsewhere: it must still be in the chain."},
		{Name: "after", Text: "next of the answer before."},
	},
}

// everySearch are the parameters that a search of every type takes, those that work.
func everySearch() []ui.Parameter {
	var list []ui.Parameter
	for _, p := range []struct{ name, example, text string }{
		{"_id", "1", "The id, or several with commas between them."},
		{"_lastUpdated", "ge2020", "When it was changed last: ge2026-01-01, lt2026-02-01T12:00:00Z."},
		{"_tag", "x", "A tag: system|code or code."},
		{"_profile", "http://x", "A profile that the resource says to follow."},
		{"_security", "x", "A security label: system|code or code."},
		{"_source", "http://x", "Where it comes from."},
		{"_text", "x", "Words of the narrative."},
		{"_content", "x", "Words anywhere in the resource."},
		{"_has", "", "That others refer to it: _has:Observation:patient:code=8867-4."},
		{"_list", "1", "Members of a List."},
		{"_filter", "_id eq 1", "A condition in the language of R4 search_filter.html."},
		{"_contained", "both", "true or both: what contains a resource that matches, of whatever type."},
		{"_containedType", "contained", "container or contained: whether such matches are answered by what contains them."},
		{"_sort", "_id", "Order by parameters, with - the other way round: _sort=-_lastUpdated,_id."},
		{"_count", "10", "How many a page holds."},
		{"_include", "", "What a match refers to, too: _include=Observation:subject; with :iterate further."},
		{"_revinclude", "", "What refers to a match, too: _revinclude=Provenance:target."},
		{"_maxresults", "10", "How many all pages hold together."},
		{"_total", "accurate", "none, estimate or accurate: whether the number of all matches is counted."},
		{"_summary", "count", "true, text, data, count or false: what of the resources is answered."},
		{"_elements", "id", "Only these elements of the matches, and what is mandatory."},
		{"_format", "json", "json."},
		{"_pretty", "true", "true: with line breaks."},
	} {
		if p.example != "" {
			if _, err := search.Parse("Patient", []search.Pair{{Name: p.name, Value: p.example}}, search.Options{}); err != nil {
				continue
			}
		}
		list = append(list, ui.Parameter{Name: p.name, Text: p.text})
	}
	return list
}

// searches are the parameters of searches that no SearchParameter defines.
func searches() []conformance.Search {
	list := []conformance.Search{{Name: "_type", Text: "In a search on several types: which."}}
	for _, p := range everySearch() {
		if r4.Lookup("Patient", p.Name) == nil {
			list = append(list, conformance.Search{Name: p.Name, Text: p.Text})
		}
	}
	return list
}

// types are the resource types that are stored.
func types() []string {
	var list []string
	for _, typ := range r4.Resources() {
		if r4.Searchable(typ) {
			list = append(list, typ)
		}
	}
	return list
}
