package proof

import (
	"fmt"
	"net/http"
	"strings"
)

// channel is a way by which an answer could tell what its caller may not see.
type channel struct {
	name string
	rows []Request
	// walk goes through pages and programs that follow one another, instead of rows: a person does, or, by an access token, an
	// app of whatever kind of scopes.
	walk, app func(*walker)
	// unasked says why a token that sees everything gets the same answers, whatever is hidden from others.
	unasked string
	// why says, of a channel that no data flows through, why not: its answers are the same in all worlds.
	why string
}

// channels are all ways into the server that there are. {Type} stands for each type of the world, {Type}/{id} for each of
// its instances; every row is tried by every kind of token in two worlds. What rows go through (routes, parameters,
// modifiers, headers) says visits, and TestChannelsAreComplete misses what no row goes through.
var channels = []channel{
	{name: "read", rows: gets("/{Type}/{id}", "/Observation/nil", "/Observation/1?_summary=true", "/Observation/3?_elements=code&_pretty=true")},
	{name: "read, by HEAD", rows: []Request{row("HEAD", "/{Type}/{id}", "")}},
	{name: "read, conditional", rows: []Request{
		row("GET", "/{Type}/{id}", "", "If-None-Match", `W/"1"`), row("GET", "/{Type}/{id}", "", "If-Modified-Since", "Thu, 01 Jan 2026 12:00:00 GMT")}},
	{name: "vread", rows: gets("/{Type}/{id}/_history/1", "/Observation/{1..8}/_history/2", "/Observation/nil/_history/1")},
	{name: "history of an instance", rows: gets("/{Type}/{id}/_history", "/Observation/{1..8}/_history?_count=1", "/Observation/{1..8}/_history?_at=2026-01-01T00:00:20Z",
		"/Observation/{1..8}/_history?_since=2026-01-01T00:00:15Z&_sort=_lastUpdated")},
	{name: "history of a type", rows: gets("/{Type}/_history", "/Observation/_history?_count=2", "/Observation/_history?_count=0", "/Observation/_history?_at=lt2026-01-01T00:00:19Z", "/Observation/_history?_since=2026-01-01T00:00:15Z&_sort=_lastUpdated")},
	{name: "history of the system", rows: gets("/_history", "/_history?_count=7", "/_history?_since=2026-01-01T00:00:15Z&_sort=_lastUpdated")},
	{name: "search", rows: append(gets("/{Type}", "/{Type}?_total=accurate", "/{Type}?identifier=1", "/Observation?code=zzz"),
		form("/Observation/_search", "code=a&_total=accurate"), form("/{Type}/_search", "_sort=-_id"))},
	{name: "search, tokens", rows: gets("/Observation?code=a", "/Observation?code=http://s|a,b", "/Observation?code:not=b", "/Observation?code:text=alp", "/Observation?code:missing=false",
		"/Observation?code:in=http://v/1", "/Observation?code:not-in=http://v/1", "/Observation?code:in=ValueSet/2", "/Observation?code:above=http://s|a", "/Observation?code:below=http://s|a",
		"/Observation?identifier:of-type=http://t|MR|3", "/Patient?identifier=1", "/Patient?active:not=false", "/{Type}?_tag=a", "/{Type}?_tag:not=a", "/{Type}?_security=3,b", "/{Type}?_security:missing=false")},
	{name: "search, strings", rows: gets("/Patient?family=ab", "/Patient?family:exact=Abc", "/Patient?family:contains=b", "/Patient?family:missing=false", "/Patient?name:text=ab", "/Practitioner?name=b")},
	{name: "search, dates", rows: gets(each("/Patient?birthdate=%s1985", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")...)},
	{name: "search, numbers", rows: gets(append(each("/RiskAssessment?probability=%s0.5", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"), "/RiskAssessment?probability:missing=false")...)},
	{name: "search, quantities", rows: gets(append(each("/Observation?value-quantity=%s6|http://unitsofmeasure.org|g", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"), "/Observation?value-quantity:missing=false")...)},
	{name: "search, composites", rows: gets("/Observation?code-value-quantity=http://s|a$gt4", "/Observation?code-value-quantity:missing=false")},
	{name: "search, references", rows: gets("/Observation?encounter=Encounter/1", "/Observation?encounter=3", "/Observation?subject:Patient=B", "/Observation?subject=Patient/A,Patient/B", "/Observation?subject:identifier=1",
		"/Observation?subject:text=amy", "/Observation?focus:missing=false", "/Location?partof:below=Location/1", "/Location?partof:above=Location/2", "/Encounter?part-of=Encounter/1", "/Observation?has-member=Observation/3")},
	{name: "search, URIs", rows: gets("/ValueSet?url=http://v/1/2", "/ValueSet?url:below=http://v/1", "/ValueSet?url:above=http://v/1/2/3", "/{Type}?_profile=http://p/3", "/{Type}?_source=http://p/3", "/ValueSet?url:missing=false")},
	{name: "search, missing", rows: gets("/Observation?encounter:missing=true", "/Observation?encounter:missing=false", "/Patient?birthdate:missing=false", "/Condition?category:missing=false", "/Encounter?date:missing=true")},
	{name: "search, by distance", rows: gets("/Location?near=53.3|-6.2|50|km", "/Location?near:missing=false")},
	{name: "search, totals", rows: gets("/{Type}?_total=accurate&_count=1", "/{Type}?_total=estimate", "/{Type}?_summary=count", "/{Type}?_count=0", "/Observation?_total=none", "/Observation?_maxresults=2&_total=accurate")},
	{name: "search, order and pages", rows: gets("/Observation?_sort=date,_id&_count=1", "/Observation?_sort=-_lastUpdated&_count=2", "/Observation?_sort=value-quantity,-_id", "/{Type}?_sort=_lastUpdated&_count=1",
		"/Observation?_sort=encounter:Encounter.class,_id", "/Observation?_sort=-subject:Patient.family,_id&_count=1", "/Observation?_sort=code&_count=1&_page=nothing")},
	{name: "search, parts of resources", rows: gets("/Observation?_elements=subject,encounter", "/Observation?_summary=true", "/Observation?_summary=text", "/Observation?_summary=data", "/Observation?_summary=false&_format=json&_pretty=true")},
	{name: "search, lenient and strict", rows: []Request{row("GET", "/Observation?nothing=1&code=a", "", "Prefer", "handling=lenient"), row("GET", "/Observation?nothing=1", "", "Prefer", "handling=strict"),
		row("GET", "/Observation?code=a", "", "Prefer", "handling=strict")}},
	{name: "search, how it was answered", rows: gets("/Observation?code=a&_explain=true", "/Observation?code=a&_explain=json", "/Observation?code=a&_explain=text", "/Observation?code=a&_explain=false")},
	{name: "search, contained", rows: gets("/Encounter?_contained=both", "/Encounter?_contained=true&_containedType=contained", "/Patient?_contained=both&_containedType=container")},
	{name: "chains", rows: gets("/Observation?encounter.class=a", "/Observation?subject:Patient.family=abc", "/Observation?encounter.location.identifier=1", "/Observation?encounter.class:not=a", "/Observation?encounter.part-of.class=a",
		"/Observation?has-member.code=a&_total=accurate", "/Encounter?subject:Patient._has:Observation:subject:code=a", "/Provenance?target:Observation.code=a", "/List?item:Observation.code=a", "/Composition?entry:Observation.code=a",
		"/Observation?patient.general-practitioner.identifier=1")},
	{name: "_has", rows: gets("/Encounter?_has:Observation:encounter:code=a", "/Encounter?_has:Observation:encounter:identifier=3", "/Patient?_has:Observation:subject:code=a", "/Patient?_has:Group:member:_id=2", "/Practitioner?_has:Encounter:participant:class=a&_total=accurate",
		"/Observation?_has:Provenance:target:agent=Practitioner/1", "/Observation?_has:DiagnosticReport:result:status=final", "/Location?_has:Encounter:location:_has:Observation:encounter:code=a", "/Observation?_has:List:item:identifier=3", "/Patient?_has:AuditEvent:patient:_id=3")},
	{name: "_include", rows: gets("/Observation?_include=Observation:encounter", "/Observation?_include=Observation:subject:Patient", "/Observation?_include=Observation:has-member", "/Observation?_include=*", "/{Type}?_include=*&_count=1", "/{Type}?_include={Type}:*",
		"/Observation?_include=Observation:has-member&_include:iterate=Observation:encounter&_include:iterate=Encounter:location", "/DiagnosticReport?_include=DiagnosticReport:result", "/Composition?_include=Composition:entry", "/List?_include=List:item&_elements=entry")},
	{name: "_revinclude", rows: gets("/Encounter?_revinclude=Observation:encounter", "/Observation?_revinclude=Provenance:target", "/Observation?_revinclude=DiagnosticReport:result", "/Patient?_revinclude=Group:member", "/Patient?_revinclude=*", "/{Type}?_revinclude=*&_count=1",
		"/Location?_revinclude=Encounter:location&_revinclude:iterate=Observation:encounter&_revinclude:iterate=Provenance:target", "/Practitioner?_revinclude=Encounter:participant", "/Observation?_revinclude=List:item&_summary=true")},
	{name: "search of a compartment", rows: append(gets("/Patient/A/Observation?_total=accurate", "/Patient/B/Observation", "/Patient/A/*", "/Patient/B/*?_count=1", "/Patient/nil/*", "/Encounter/1/*", "/Encounter/3/Observation?_summary=count", "/Practitioner/1/Encounter",
		"/Device/1/*", "/RelatedPerson/3/*"), form("/Patient/A/_search", "_tag=a"), form("/Encounter/1/Observation/_search", "code=a"))},
	{name: "search of the system", rows: append(gets("", "/", "?_type=Observation,Encounter&_sort=_id&_count=2", "?_type=Patient,Practitioner&_total=accurate", "?_type=Observation,Condition&category=a", "?_id=1,3&_count=3", "?_tag=a&_summary=count"), form("/_search", "_type=Observation,Encounter&identifier=3"))},
	{name: "_filter", rows: gets("/Observation?_filter=code eq a", "/Observation?_filter=not (code eq b)", "/Observation?_filter=encounter.class eq a or _id eq 3", "/Patient?_filter=family co b and active pr true", "/Observation?_filter=value-quantity gt 5")},
	{name: "_list", rows: gets("/Observation?_list=1", "/Observation?_list=3", "/Encounter?_list=3", "?_list=1", "/Encounter?_has:Observation:encounter:_list=3", "/Observation?_list=nil")},
	{name: "_text and _content", rows: gets("/{Type}?_text=beta", "/{Type}?_content=alpha", "/Observation?_content=amy&_total=accurate", "/Encounter?_has:Observation:encounter:_text=beta", "?_type=Observation,Patient&_text=alpha")},
	{name: "search, when changed", rows: gets("/Observation?_lastUpdated=ge2026-01-01T00:00:15Z", "/{Type}?_lastUpdated=lt2026-01-01T00:00:30Z&_total=accurate", "/Observation?_id=1,3,nil", "/Observation?_id:not=1")},
	{name: "create", rows: []Request{row("POST", "/Observation", obs("x", "A")), row("POST", "/Observation", obs("x", "B")), row("POST", "/Observation", obs("x", "A"), "Prefer", "return=minimal"), row("POST", "/Encounter", `{"resourceType":"Encounter","status":"finished"}`)},
		why: "a create reads nothing: whether it is in reach says its content"},
	{name: "create, references", rows: []Request{row("POST", "/Observation", refers("Encounter/1")), row("POST", "/Observation", refers("Encounter/3")), row("POST", "/Observation", refers("Encounter/nil")), row("POST", "/Observation", refers("Encounter/3/_history/1"))},
		why: "references are not followed: what they name may be absent"},
	{name: "create, attachments", rows: []Request{row("POST", "/DocumentReference", attaches("1")), row("POST", "/DocumentReference", attaches("3")), row("POST", "/DocumentReference", attaches("5")), row("POST", "/DocumentReference", attaches("6")), row("POST", "/DocumentReference", attaches("nil"))},
		unasked: "system/ scopes attach whatever Binary"},
	{name: "conditional create", rows: []Request{row("POST", "/Observation", obs("x", "A"), "If-None-Exist", "identifier=3"), row("POST", "/Observation", obs("x", "A"), "If-None-Exist", "identifier=1"), row("POST", "/Observation", obs("x", "A"), "If-None-Exist", "code=b"),
		row("POST", "/Encounter", `{"resourceType":"Encounter","status":"finished","class":{"code":"a"},"subject":{"reference":"Patient/A"}}`, "If-None-Exist", "_has:Observation:encounter:identifier=3"), row("POST", "/Observation", obs("x", "A"), "If-None-Exist", "encounter.class=a")}},
	{name: "update", rows: []Request{row("PUT", "/Observation/1", obs("1", "A")), row("PUT", "/Observation/2", obs("2", "A")), row("PUT", "/Observation/3", obs("3", "A")), row("PUT", "/Observation/5", obs("5", "B")), row("PUT", "/Encounter/3", `{"resourceType":"Encounter","id":"3","status":"finished","class":{"code":"a"},"subject":{"reference":"Patient/A"}}`),
		row("PUT", "/Observation/8", obs("8", "A"), "Prefer", "return=representation"), row("PUT", "/Patient/B", `{"resourceType":"Patient","id":"B","meta":{"tag":[{"code":"a"}]}}`)}},
	{name: "update that creates", rows: []Request{row("PUT", "/Observation/nil", obs("nil", "A")), row("PUT", "/Observation/7", obs("7", "A")), row("PUT", "/Observation/6", obs("6", "A")), row("PUT", "/Observation/3", obs("3", "A"), "If-None-Match", "*"), row("PUT", "/Observation/1", obs("1", "A"), "If-None-Match", "*")}},
	{name: "conditional update", rows: []Request{row("PUT", "/Observation?identifier=3", obs("", "A")), row("PUT", "/Observation?identifier=2", obs("", "A")), row("PUT", "/Observation?identifier=1", obs("", "A")), row("PUT", "/Observation?_id=3", obs("3", "A")), row("PUT", "/Observation?encounter.class=b", obs("2", "A"))}},
	{name: "delete", rows: []Request{row("DELETE", "/Observation/{1..8}", ""), row("DELETE", "/Observation/nil", ""), row("DELETE", "/Encounter/3", ""), row("DELETE", "/Patient/B", "", "Prefer", "return=OperationOutcome")}},
	{name: "conditional delete", rows: []Request{row("DELETE", "/Observation?identifier=3", ""), row("DELETE", "/Condition?encounter.class=a", ""), row("DELETE", "/Observation?code=a", "", "Prefer", "return=OperationOutcome"), row("DELETE", "/Encounter/?status=finished", "")}},
	{name: "patch", rows: []Request{patched("/Observation/{1..8}", `{"op":"replace","path":"/status","value":"amended"}`), patched("/Observation/1", `{"op":"add","path":"/issued","value":"2020-01-01T00:00:00Z"}`), patched("/Observation/1", `{"op":"remove","path":"/text"}`),
		patched("/Observation/1", `{"op":"copy","from":"/id","path":"/language"}`), patched("/Observation/1", `{"op":"move","from":"/effectiveDateTime","path":"/language"}`), patched("/Observation/1", `{"op":"replace","path":"/subject","value":{"reference":"Patient/B"}}`),
		fhirPatched("/Observation/2", "replace", "Observation.status", "amended"), fhirPatched("/Observation/3", "delete", "Observation.text", ""), fhirPatched("/Condition/{1..3}", "delete", "Condition.text", "")}},
	{name: "patch, test", rows: []Request{patched("/Observation/{1..8}", `{"op":"test","path":"/identifier/1/value","value":"3"}`), patched("/Observation/{1..8}", `{"op":"test","path":"/subject/reference","value":"Patient/B"}`), patched("/Observation/3", `{"op":"test","path":"/status","value":"final"}`)}},
	{name: "conditional patch", rows: []Request{patched("/Observation?identifier=3", `{"op":"replace","path":"/status","value":"amended"}`), patched("/Observation?identifier=2", `{"op":"test","path":"/status","value":"nothing"}`), patched("/Observation?identifier=1", `{"op":"remove","path":"/text"}`),
		patched("/Encounter?_has:Observation:encounter:identifier=3", `{"op":"remove","path":"/text"}`)}},
	{name: "If-Match", rows: []Request{row("PUT", "/Observation/1", obs("1", "A"), "If-Match", `W/"1"`), row("PUT", "/Observation/3", obs("3", "A"), "If-Match", `W/"1"`), row("PUT", "/Observation/3", obs("3", "A"), "If-Match", `W/"2"`), row("DELETE", "/Observation/3", "", "If-Match", `W/"1"`),
		row("DELETE", "/Observation/2", "", "If-Match", `W/"9"`), row("DELETE", "/Observation?identifier=3", "", "If-Match", `W/"9"`), row("PUT", "/Observation/nil", obs("nil", "A"), "If-Match", `W/"1"`),
		row("PATCH", "/Observation/3", `[{"op":"remove","path":"/text"}]`, "If-Match", `W/"2"`, "Content-Type", jsonPatch), row("PATCH", "/Observation/1", `[{"op":"remove","path":"/text"}]`, "If-Match", `W/"1"`, "Content-Type", jsonPatch)}},
	{name: "batch", rows: []Request{bundled("batch", step("GET", "Observation/1", ""), step("GET", "Observation/3", ""), step("GET", "Observation?code=a", ""), step("GET", "Encounter?_has:Observation:encounter:identifier=3", ""), step("GET", "Observation/3/_history", "")),
		bundled("batch", step("PUT", "Observation/3", obs("3", "A")), step("DELETE", "Observation/7", "")), bundled("batch", step("POST", "Observation", obs("x", "A"), "ifNoneExist", "identifier=3")),
		bundled("batch", step("PUT", "Observation?identifier=3", obs("", "A"))), bundled("batch", step("DELETE", "Observation?identifier=2", "")), bundled("batch", step("PATCH", "Observation/3", binary(`[{"op":"test","path":"/status","value":"final"}]`)))}},
	{name: "transaction", rows: []Request{bundled("transaction", step("GET", "Observation/1", "")), bundled("transaction", step("POST", "Observation", obs("x", "A"), "ifNoneExist", "identifier=3"), step("GET", "Observation?identifier=3", "")),
		bundled("transaction", step("PUT", "Observation/3", obs("3", "A"), "ifMatch", `W/"1"`)), bundled("transaction", step("PUT", "Observation?identifier=2", obs("", "A"))), bundled("transaction", step("DELETE", "Observation/3", ""), step("POST", "Observation", obs("x", "A"))),
		bundled("transaction", step("PATCH", "Observation/2", binary(`[{"op":"remove","path":"/text"}]`))), bundled("transaction", step("PUT", "Observation/nil", obs("nil", "A"), "ifNoneMatch", "*"))}},
	{name: "conditional references", rows: []Request{row("POST", "/", `{"resourceType":"Bundle","type":"batch","entry":[`+step("GET", "Observation?_id=3", "")+`]}`), bundled("transaction", step("POST", "Observation", refers("Encounter?identifier=3"))), bundled("transaction", step("POST", "Observation", refers("Encounter?identifier=2"))), bundled("transaction", step("POST", "Observation", refers("Encounter?class=a"))),
		bundled("batch", step("POST", "Observation", refers("Encounter?identifier=3")))}},
	{name: "$meta", rows: append(gets("/$meta", "/{Type}/$meta", "/{Type}/{id}/$meta", "/Observation/{1..8}/_history/1/$meta"), row("POST", "/$meta", ""), row("POST", "/Observation/$meta", ""), row("POST", "/Observation/{1..8}/$meta", ""))},
	{name: "$meta-add", rows: []Request{row("POST", "/Observation/{1..8}/$meta-add", tag("z")), row("POST", "/Encounter/{1..3}/$meta-add", tag("z"))}},
	{name: "$meta-delete", rows: []Request{row("POST", "/Observation/{1..8}/$meta-delete", tag("a")), row("POST", "/Encounter/{1..3}/$meta-delete", tag("a"))}},
	{name: "Binary", rows: gets("/Binary/{1..6}", "/Binary", "/Binary?_id=3,5&_total=accurate", "/Binary?_sort=_lastUpdated&_count=1", "/Binary/_history", "/Binary/{1..6}/_history", "/Binary?_has:Provenance:target:_id=1")},
	{name: "Provenance", rows: gets("/Provenance/{1..5}", "/Provenance?_total=accurate", "/Provenance?agent=Practitioner/1&_count=1", "/Provenance?target=Observation/1", "/Provenance?patient=B", "/Provenance?target=Observation/1&_include=Provenance:target", "/Provenance/_history")},
	{name: "AuditEvent", rows: append(gets("/AuditEvent/{1..3}", "/AuditEvent?_total=accurate", "/AuditEvent?patient=A", "/AuditEvent?agent=Patient/B", "/AuditEvent?_include=AuditEvent:entity"), row("POST", "/AuditEvent", `{"resourceType":"AuditEvent","type":{"code":"rest"},"recorded":"2026-01-01T00:00:00Z","agent":[{"requestor":true}],"source":{"observer":{"display":"x"}}}`), row("PUT", "/AuditEvent/3", `{"resourceType":"AuditEvent","id":"3"}`), row("DELETE", "/AuditEvent/{1..3}", ""))},
	{name: "Group", rows: gets("/Group/{1..2}", "/Group?member=Patient/A", "/Group?member=Patient/B&_summary=count", "/Group?_include=Group:member", "/Group?member:Patient.family=abc", "/Patient?_has:Group:member:type=person")},
	{name: "List", rows: gets("/List/{1..3}", "/List?item=Observation/3", "/List?item=Observation/1", "/List?_include=List:item", "/Observation?_revinclude=List:item")},
	{name: "Bundle", rows: gets("/Bundle/{1..3}", "/Bundle?type=collection", "/Bundle?_summary=count", "/Bundle/_history")},
	{name: "Composition", rows: gets("/Composition/{1..3}", "/Composition?entry=Observation/1", "/Composition?_include=Composition:entry", "/Composition?subject=Patient/B", "/Observation?_revinclude=Composition:entry")},
	{name: "Location and what errors say", rows: []Request{row("POST", "/Observation", obs("x", "A"), "Prefer", "return=OperationOutcome", "If-None-Exist", "identifier=3"), row("GET", "/Observation?cod=a", ""), row("GET", "/Observation?encounter:Patient.class=a", ""), row("GET", "/Nothing/1", ""), row("POST", "/Observation", `{"resourceType":"Observation"`),
		row("PUT", "/Observation/3", obs("4", "A")), row("PUT", "/Observation/3", `{"resourceType":"Observation","id":"3"}`), row("GET", "/Observation/3/Patient", ""), row("POST", "/Observation/3", ""), row("PATCH", "/Observation/3", "x", "Content-Type", "text/plain"), row("GET", "/nothing/at/all/here/1", ""),
		row("DELETE", "/Observation/3", "", "Prefer", "return=OperationOutcome"), row("PUT", "/Observation/3", obs("3", "B"), "Prefer", "return=OperationOutcome")}},
	{name: "what the server says of itself", rows: []Request{row("GET", "/metadata", ""), row("OPTIONS", "/Observation/3", ""), row("GET", "../", ""), row("GET", "../docs", ""), row("GET", "../openapi.json", ""), row("GET", "../assets/{asset}", ""), row("GET", "../health", ""), row("GET", "../health/live", ""), row("GET", "../health/ready", "")},
		why: "documents of our own tables; counts stand on the start page of a sandbox only (server/pages_test.go TestHomeOfAServerTellsNoCounts)"},
	{name: "pickers and consent", walk: choosing},
	{name: "launches, and what was granted", walk: launched},
	{name: "who looked, on the page", walk: looking},
	{name: "who looked, by an app", app: lookingByToken},
	{name: "why, on the page", walk: asking},
	{name: "why, by an app", app: explaining},
	{name: "what a token is", app: introspecting, why: "a token names resources, which nothing reads"},
	{name: "signing in", walk: signingIn, why: "users are not of the record"},
	{name: "clients and tokens", walk: programs, why: "they name resources, which nothing reads"},
	{name: "administration without an administrator", walk: administering, why: "nobody but an administrator is answered"},
}

// absent are channels that FHIR has and this server has not: once one answers, it needs rows above.
var absent = map[string][]Request{
	"$everything":   {row("GET", "/Patient/A/$everything", ""), row("GET", "/Patient/$everything", ""), row("GET", "/Encounter/1/$everything", ""), row("GET", "/Group/1/$everything", "")},
	"$export":       {row("GET", "/$export", ""), row("GET", "/Patient/$export", ""), row("GET", "/Group/1/$export", ""), row("POST", "/$export", `{"resourceType":"Parameters"}`), row("GET", "/$export-poll-status", "")},
	"$graphql":      {row("GET", "/$graphql?query={x}", ""), row("POST", "/$graphql", `{}`), row("GET", "/Patient/A/$graphql?query={x}", "")},
	"$validate":     {row("POST", "/Observation/$validate", obs("x", "A")), row("GET", "/Observation/1/$validate", ""), row("POST", "/$validate", obs("x", "A"))},
	"Subscriptions": {row("GET", "/Subscription/1/$status", ""), row("GET", "/Subscription/$status", ""), row("GET", "/Subscription/1/$events", ""), row("GET", "/Subscription/$get-ws-binding-token", "")},
	"$document":     {row("GET", "/Composition/1/$document", "")},
	"$lastn":        {row("GET", "/Observation/$lastn", "")},
	"$match":        {row("POST", "/Patient/$match", `{"resourceType":"Parameters"}`)},
	"$find":         {row("GET", "/List/$find?patient=A&name=x", "")},
	"$expand":       {row("GET", "/ValueSet/1/$expand", ""), row("GET", "/ValueSet/$expand?url=http://v/1", "")},
	"$lookup":       {row("GET", "/CodeSystem/$lookup?code=a&system=http://s", "")},
	"$process":      {row("POST", "/$process-message", `{"resourceType":"Bundle","type":"message"}`)},
	"$diff":         {row("GET", "/Observation/1/$diff", ""), row("GET", "/Observation/1/_history/1/$diff", "")},
	"$expunge":      {row("POST", "/$expunge", ""), row("POST", "/Observation/3/$expunge", ""), row("POST", "/$reindex", "")},
	"XML":           {row("GET", "/Observation/1?_format=xml", "")},
	"_query":        {row("GET", "/Observation?_query=x", "")},
	"_score":        {row("GET", "/Observation?_sort=_score", "")},
}

// elsewhere are the ways in that have other tests: a file below the root and a test in it.
var elsewhere = map[string]string{
	"cursors of another caller":         "server/interaction/search_test.go TestCursors",
	"the trace of scopes":               "server/trace_test.go TestTrace",
	"who is let in":                     "server/access_test.go TestWhoGetsIn",
	"the counts on the start page":      "server/pages_test.go TestHomeOfAServerTellsNoCounts",
	"the log":                           "server/health_test.go TestOneLineARequestWithoutPatients",
	"all pairs of compartments":         "server/interaction/compartment_test.go TestCompartmentPairs",
	"all types (D7)":                    "server/interaction/compartment_test.go TestAllTypes",
	"who may ask why":                   "server/ui/why_test.go TestWhoMayAskWhy",
	"who may ask who looked":            "cmd/firewarden/audit_test.go TestWhoLooked",
	"what cannot be evaluated":          "server/denial_test.go TestDeniedAndLogged",
	"every include of the definitions":  "internal/proof/channels_edges_test.go TestEveryEdge",
	"constraints by every parameter":    "server/interaction/constraint_test.go TestS2_18_EveryConstraint",
	"random requests and random worlds": "internal/proof/worlds_test.go TestTwoWorlds",
}

func row(method, path, body string, headers ...string) Request {
	r := Request{Method: method, Path: path, Body: body, Header: map[string]string{}}
	if body != "" {
		r.Header["Content-Type"] = fhirJSON
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header[headers[i]] = headers[i+1]
	}
	return r
}

func gets(paths ...string) (rows []Request) {
	for _, path := range paths {
		rows = append(rows, row(http.MethodGet, path, ""))
	}
	return rows
}

func each(pattern string, values ...string) (paths []string) {
	for _, v := range values {
		paths = append(paths, fmt.Sprintf(pattern, v))
	}
	return paths
}

func form(path, query string) Request {
	return row(http.MethodPost, path, query, "Content-Type", "application/x-www-form-urlencoded")
}

// obs is an Observation with the label a.
func obs(id, patient string) string {
	if id != "" {
		id = `"id":"` + id + `",`
	}
	return `{"resourceType":"Observation",` + id + `"meta":{"tag":[{"code":"a"}]},"identifier":[{"value":"new"}],"status":"final","category":[{"coding":[{"code":"a"}]}],"code":{"text":"new"},"subject":{"reference":"Patient/` + patient + `"}}`
}

func refers(encounter string) string {
	return strings.Replace(obs("", "A"), `"status"`, `"encounter":{"reference":"`+encounter+`"},"status"`, 1)
}

func attaches(binary string) string {
	return `{"resourceType":"DocumentReference","meta":{"tag":[{"code":"a"}]},"status":"current","subject":{"reference":"Patient/A"},"content":[{"attachment":{"url":"Binary/` + binary + `"}}]}`
}

func tag(code string) string {
	return `{"resourceType":"Parameters","parameter":[{"name":"meta","valueMeta":{"tag":[{"code":"` + code + `"}]}}]}`
}

func binary(data string) string {
	return text(object{"resourceType": "Binary", "contentType": jsonPatch, "data": []byte(data)})
}

func patched(path, operation string) Request {
	return row(http.MethodPatch, path, "["+operation+"]", "Content-Type", jsonPatch)
}

func fhirPatched(path, kind, at, value string) Request {
	parts := `{"name":"type","valueCode":"` + kind + `"},{"name":"path","valueString":"` + at + `"}`
	if value != "" {
		parts += `,{"name":"value","valueCode":"` + value + `"}`
	}
	return row(http.MethodPatch, path, `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[`+parts+`]}]}`)
}

func step(method, url, resource string, conditions ...string) string {
	request := object{"method": method, "url": url}
	for i := 0; i < len(conditions); i += 2 {
		request[conditions[i]] = conditions[i+1]
	}
	e := `{"request":` + text(request)
	if resource != "" {
		e += `,"resource":` + resource
	}
	return e + "}"
}

func bundled(kind string, entries ...string) Request {
	return row(http.MethodPost, "", `{"resourceType":"Bundle","type":"`+kind+`","entry":[`+strings.Join(entries, ",")+`]}`, "Prefer", "return=representation")
}
