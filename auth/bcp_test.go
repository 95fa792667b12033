package auth_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// bcp is what RFC 9700 (Best Current Practice for OAuth 2.0 Security) asks of an authorization server and of the server
// of the data, recommendation by recommendation, with the tests of this module that prove it. Where we do otherwise,
// open says what and why; such a row needs no test.
var bcp = []struct {
	section, what string
	tests         string // names, with blanks between
	open          string
}{
	{section: "2.1", what: "redirect URIs are compared letter for letter, but for the port of an app on the same machine", tests: "TestS4_22_SecurityPractices"},
	{section: "2.1", what: "what is unknown or wrong about the client or its redirect URI redirects nobody", tests: "TestAuthorizeErrors"},
	{section: "2.1", what: "answers travel by https: http is a redirect URI of this machine only", tests: "TestRegistrationRefuses"},
	{section: "2.1", what: "an answer belongs to the browser and the request that began it: PKCE, and a state that has to be there", tests: "TestAuthorizeErrors TestS5_06_RedirectWithState"},
	{section: "2.1", what: "an app of several servers can tell who answers: iss in each answer", tests: "TestS5_06_RedirectWithState TestAuthorizeErrors TestS5_03_Discovery"},
	{section: "2.1.1", what: "PKCE is asked of every client, confidential ones too", tests: "TestAuthorizeErrors"},
	{section: "2.1.1", what: "only an app of SMART 1.0 does without, where it is confidential or in the sandbox", tests: "TestSMART1WithoutPKCE"},
	{section: "2.1.1", what: "the method tells nothing of the verifier: S256, never plain; and discovery says so", tests: "TestAuthorizeErrors TestS3_11_RequiredMembers"},
	{section: "2.1.1", what: "a code is redeemed with the verifier of its challenge, by its client, at its redirect URI", tests: "TestS1_03_AuthorizationCode"},
	{section: "2.1.2", what: "no access token in an answer of the authorization endpoint: neither implicit nor hybrid", tests: "TestAuthorizeErrors"},
	{section: "2.2.1", what: "access tokens that only their client can use (mTLS, DPoP)",
		open: "SMART App Launch 2.2 knows bearer tokens only, and its apps could not use others. Ours live an hour at most and those of services five minutes, for one audience, " +
			"die with their grant within a second, and are in no address, log or store (4.3, 4.9, 4.10, 4.14); refresh tokens are bound to who proves to be their client, or exchanged with each use (2.2.2)"},
	{section: "2.2.2", what: "refresh tokens of public clients are exchanged with each use, and a stolen one is noticed", tests: "TestRefreshRotates TestRefreshesAtOnce"},
	{section: "2.3", what: "a token opens the least: what was asked for, registered, consented to and within the user's policy", tests: "TestS3_16_RequestsBeyondTheRegistration TestS3_17_SelectASubset TestS4_21_PolicyBelowTheScopes"},
	{section: "2.3", what: "a token is for one server of data, and that one refuses tokens for others", tests: "TestS2_20_AccessTokenIsAJWT TestWhatOpensNothing"},
	{section: "2.4", what: "no password is exchanged for a token", tests: "TestTokenEndpointErrors"},
	{section: "2.5", what: "clients that can keep a secret authenticate", tests: "TestS1_05_SymmetricClientAuthentication TestRefreshWithoutAName"},
	{section: "2.5", what: "by a key rather than a secret: private_key_jwt", tests: "TestS1_06_AsymmetricClientAuthentication TestS1_06_KeysByURL"},
	{section: "2.6", what: "metadata are published, so that nothing is configured by hand", tests: "TestS5_03_Discovery TestS3_11_RequiredMembers"},
	{section: "2.6", what: "TLS from end to end: the server answers https itself, or what is in front of it does, and cookies, redirect URIs and issuer follow", tests: "TestTLS"},
	{section: "2.6", what: "pages of other origins read nothing of the authorization endpoint", tests: "TestCORS"},
	{section: "2.6", what: "a client cannot call itself what a user is called", tests: "TestNamesOfClientsAndUsersAreApart"},

	{section: "4.1", what: "no patterns in redirect URIs; no fragment is kept over a redirect", tests: "TestS4_22_SecurityPractices TestRegistrationRefuses"},
	{section: "4.2", what: "no page tells by Referer what its address holds, and none loads anything from elsewhere", tests: "TestPagesEscape TestStylesheetStaysHere TestLogos TestRedirectsForgetTheForm"},
	{section: "4.2", what: "a code counts once, and a second try ends what came of it", tests: "TestS1_03_AuthorizationCode TestACodeIsRedeemedOnce"},
	{section: "4.2", what: "a code that leaks is of no use without its verifier, and of none after a minute", tests: "TestS1_03_AuthorizationCode"},
	{section: "4.3", what: "no access token in an address: not given there, not taken there", tests: "TestWhatOpensNothing TestAuthorizeErrors"},
	{section: "4.4", what: "mix-up: iss in answers, of errors too", tests: "TestAuthorizeErrors TestS5_06_RedirectWithState"},
	{section: "4.5", what: "a stolen code cannot be put into another session: PKCE, and nonce in the id token", tests: "TestS1_03_AuthorizationCode TestS1_07_OpenIDFHIRUser"},
	{section: "4.6", what: "a stolen access token cannot be put into an answer: there is none in it, and at_hash binds the id token to its own", tests: "TestAuthorizeErrors TestS1_07_OpenIDFHIRUser"},
	{section: "4.7", what: "no request forged by another page: our forms belong to one browser", tests: "TestForgedForms TestCookies"},
	{section: "4.8", what: "PKCE is not talked away: with a challenge a verifier is needed, without one none is taken", tests: "TestSMART1WithoutPKCE TestS1_03_AuthorizationCode"},
	{section: "4.9", what: "a false or broken server of data: a token is for one, and asked for by its address", tests: "TestAuthorizeErrors TestWhatOpensNothing TestS1_02_EHRLaunch"},
	{section: "4.9", what: "tokens, codes and passwords are in no log", tests: "TestTheLogHoldsNoSecrets"},
	{section: "4.10", what: "a stolen access token: short, for one audience, dead with its grant", tests: "TestRevocation TestS2_20_AccessTokenIsAJWT TestS3_13_RegisterListWithdrawRevoke TestYourApps"},
	{section: "4.11", what: "we lead nobody to an app of a stranger before somebody has signed in or followed the link", tests: "TestNoOpenRedirector"},
	{section: "4.11", what: "after signing in and out one is led to a path of ours, or to what an app has registered", tests: "TestSignInLeadsHome TestLogout"},
	{section: "4.12", what: "what follows a form is asked for with GET: no password is passed on", tests: "TestRedirectsForgetTheForm"},
	{section: "4.13", what: "headers that a proxy may or may not have written are not believed", tests: "TestForwardedHeadersAreNotBelieved"},
	{section: "4.14", what: "refresh tokens are bound to their client and to what was consented to", tests: "TestRefreshIsBound TestRefreshNarrows"},
	{section: "4.14", what: "they are kept as hashes, as codes and secrets of clients are", tests: "TestTheStoreHoldsNoSecrets"},
	{section: "4.14", what: "they end with the login (online_access), which a changed password ends, with a withdrawal, and unused where the configuration says so", tests: "TestS1_09_OnlineAccess TestLoginsEnd TestS3_13_RegisterListWithdrawRevoke TestUnusedRefreshTokensEnd"},
	{section: "4.15", what: "a token of a client is told from a token of a user", tests: "TestNamesOfClientsAndUsersAreApart"},
	{section: "4.16", what: "nobody lays a frame over a page of ours", tests: "TestS5_08_InAFrame TestNobodyFramesTheLogin"},
	{section: "4.16", what: "consent of an app whose address others can take is asked again each time", tests: "TestConsentIsRemembered"},
	{section: "4.17", what: "no answer by messages between windows: the only way is a redirect", tests: "TestAuthorizeErrors"},
}

// The checklist names tests that exist, and every section that asks something.
func TestRFC9700(t *testing.T) {
	known := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && len(f.Body.List) > 0 {
				known[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	for _, row := range bcp {
		sections[row.section] = true
		if (row.tests == "") == (row.open == "") {
			t.Errorf("%s, %s: it has tests, or a reason not to be", row.section, row.what)
		}
		for name := range strings.FieldsSeq(row.tests) {
			if !known[name] {
				t.Errorf("%s, %s: there is no test %s", row.section, row.what, name)
			}
		}
	}
	for _, s := range strings.Fields("2.1 2.1.1 2.1.2 2.2.1 2.2.2 2.3 2.4 2.5 2.6 4.1 4.2 4.3 4.4 4.5 4.6 4.7 4.8 4.9 4.10 4.11 4.12 4.13 4.14 4.15 4.16 4.17") {
		if !sections[s] {
			t.Errorf("nothing is said of section %s", s)
		}
	}
}
