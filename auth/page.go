package auth

import (
	"io"
	"time"
)

// Pages draws what people see of the authorization server.
type Pages interface {
	// Render writes page, one of the structs of this file by value, as a whole HTML document. Status and headers have
	// been decided; the Content-Security-Policy allows styles and images of the server itself and no script. An error
	// is the server's fault: nothing may be written before it is known.
	//
	// A page must work without script: every action is a Form that is posted.
	Render(w io.Writer, page Page) error
}

// Page is one of the structs of this file.
type Page interface{ page() }

// Frame is what every page has.
type Frame struct {
	Language string // BCP 47, what the person asked for; texts of a page are in it or in English
	Sandbox  bool   // synthetic data only: say so
	User     string // display name of who is signed in, "" if nobody
	App      App    // who asks; the zero App outside of an authorization request
	Home     string // URL of the server's start page
}

// App is a client as people are told of it. Everything in it was written by whoever registered it: escape it.
type App struct {
	ID       string
	Name     string // the id if it has none
	Logo     string // URL, https or data; "" is none
	Homepage string // URL, "" is none
	Verified bool   // an administrator vouches for it
}

// Form is where a page's answer goes: method POST, application/x-www-form-urlencoded.
type Form struct {
	Action string
	Hidden []Field // each goes into the form as a hidden input: the request, and a token against forgery
}

// Field is a name with its value.
type Field struct{ Name, Value string }

// LoginPage asks who the person is. Inputs: "name", "password". A second form of the same action, with a button
// name="action" value="cancel", gives up (Cancel says whether that leads anywhere).
type LoginPage struct {
	Frame
	Form    Form
	Name    string // as typed before
	Error   string // why the last try failed, in words; never which of the two was wrong
	Cancel  bool
	Outside []OutsideLogin // where else the person may sign in: a link each
	Demo    []DemoUser     // of the sandbox: a form each, with name and password as hidden inputs and one button
}

// OutsideLogin is an issuer by which people sign in.
type OutsideLogin struct{ Name, URL string }

// DemoUser is a user whose password is no secret.
type DemoUser struct{ Name, Password, Display, Role string }

// PickerPage asks for one resource that the app gets as its context. Inputs: "choice" (radio, the Value of a Choice);
// buttons name="action" value="choose" and "cancel". Searching is a second form: method GET, action Search, its
// SearchHidden, input "q".
type PickerPage struct {
	Frame
	Form         Form
	Type         string // Patient, Encounter, Location, …
	Patient      string // whose Encounter it is, in words; "" with other types
	Search       string // URL; "" if there is nothing to search by
	SearchHidden []Field
	ByDate       bool   // the search is by date: 2026, 2026-06 or 2026-06-15
	Query        string // what was searched for
	Choices      []Choice
	More         bool // there are more than are shown: narrow the search
	Optional     bool // the app works without: offer a button name="action" value="none"
	Error        string
}

// Choice is a resource to choose from.
type Choice struct {
	Value   string // its id
	Title   string // a name, or what comes closest
	Details []Field
	Checked bool
}

// ConsentPage asks what the app may do. Inputs: checkboxes "scope" with the Value of each Item (a required one is sent
// whatever was ticked), checkboxes "narrow" with the Value of each of its Narrower: if some of an item's are ticked the
// item is granted for those only; a checkbox "remember" value="yes"; buttons name="action" value="allow" and "deny".
type ConsentPage struct {
	Frame
	Form         Form
	For          string // the patient in context, in words: "Amy Shaw, female, born 1987-02-20"; "" if none
	Groups       []ConsentGroup
	Offline      *ConsentItem // offline_access or online_access, told apart from data
	Cut          []string     // scopes that were asked for and that this app or this user cannot have
	AllRights    bool         // the app asks for everything that the user may do: warn plainly
	Raw          []string     // the scopes as the app wrote them, for "technical details"
	RedirectHost string       // where the answer goes
	Remember     bool         // a box to remember the answer may be shown; off by default
	Ends         time.Time    // when this request has to be begun again
	Error        string
}

// ConsentGroup are the items of one resource type, "" are those that are about no data.
type ConsentGroup struct {
	Type  string
	Items []ConsentItem
}

// ConsentItem is one scope in words.
type ConsentItem struct {
	Value    string // the scope
	Text     string // a sentence, as auth/words has it: "Read and search observations of this patient, only category laboratory"
	Writes   bool   // it changes data
	Required bool   // the app cannot do without: shown ticked, cannot be unticked
	Checked  bool
	Narrower []ConsentItem // the categories that it can be narrowed to
}

// ErrorPage says what went wrong where nobody can be sent back to.
type ErrorPage struct {
	Frame
	Status int    // of HTTP
	Code   string // of OAuth: invalid_request
	Text   string // what happened, a sentence
	Hint   string // what to do; in the sandbox, what a developer has to change
	// Back is a link to the app with its error, for an app that nobody vouches for; "" if there is none. BackHost is
	// where it leads.
	Back, BackHost string
}

// ManagePage lists what the signed-in user has granted. Each grant is a form with its hidden input "grant" (its ID)
// and a button name="action" value="withdraw"; SignOut is a form with one button.
type ManagePage struct {
	Frame
	Form    Form
	SignOut Form
	Grants  []GrantSummary
	Done    string // what was just done, a sentence; "" if nothing
}

// GrantSummary is a grant in words.
type GrantSummary struct {
	ID       string
	App      App
	Scopes   []string // sentences, as auth/words has them
	Raw      string   // scopes as granted
	For      string   // the patient in context, "" if none
	Since    time.Time
	LastUsed time.Time // zero: not yet
	Ends     time.Time // zero: until it is withdrawn
	Offline  bool      // works while the user is away
}

// RegisterPage registers an app (by a person; programs use RFC 7591). Inputs are named as the fields of RFC 7591:
// "client_name", "token_endpoint_auth_method" (radio: none, client_secret_basic, private_key_jwt), "grant_types"
// (radio: authorization_code, client_credentials), "redirect_uris" and "allowed_origins" (text areas, one a line),
// "launch_uri", "logo_uri", "jwks_uri", "jwks", "scope".
type RegisterPage struct {
	Frame
	Form    Form
	Values  map[string]string // as typed before, or of a preset
	Errors  map[string]string // by input; "" is about all
	Presets []Preset
}

// Preset fills a RegisterPage: a link to URL.
type Preset struct{ Name, URL string }

// RegisteredPage shows a new client: its secret is shown this once.
type RegisteredPage struct {
	Frame
	Client   App
	Secret   string // "" if it has none
	Metadata string // JSON as RFC 7591 answers it, without the secret
	Discover string // URL of smart-configuration, for snippets
}

// LogoutPage asks whether to sign out: a form with one button.
type LogoutPage struct {
	Frame
	Form Form
}

// LoggedOutPage says that the user is signed out.
type LoggedOutPage struct{ Frame }

// SetupPage makes the first administrator, from the link that the first start prints. Inputs: "name", "display",
// "password", "again".
type SetupPage struct {
	Frame
	Form   Form
	Values map[string]string
	Errors map[string]string
}

func (LoginPage) page()      {}
func (PickerPage) page()     {}
func (ConsentPage) page()    {}
func (ErrorPage) page()      {}
func (ManagePage) page()     {}
func (RegisterPage) page()   {}
func (RegisteredPage) page() {}
func (LogoutPage) page()     {}
func (LoggedOutPage) page()  {}
func (SetupPage) page()      {}
