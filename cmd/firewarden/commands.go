package main

// adminKeys are the keys of commands that talk to a running server as administrator.
var adminKeys = []string{"admin-key", "store"}

// commands are those of the program, in the order of --help.
var commands []command

func init() {
	// In init, because help reads the list that it is part of.
	commands = []command{
		{name: "serve", does: "the server", new: newServe(false),
			more: "The data is kept in the folder of --store. A request needs the administrator's key, from the folder's file\n" +
				"admin-key, as Authorization: Bearer KEY, or an access token of an app that a user or the registration has let in;\n" +
				"--anonymous lets requests in without. The first start prints a link that makes the administrator.",
			example: []string{"serve", "serve --store /var/lib/firewarden --listen 0.0.0.0:8080 --base-url https://fhir.example.org"},
			keys:    keysBut("public", "sandbox-jwks")},
		{name: "sandbox", does: "the server with synthetic patients, demo users and demo clients", new: newServe(true),
			more: "The data is gone when the sandbox ends, unless --store names a folder. It never opens a store of serve. An empty\n" +
				"store gets a dozen synthetic patients, the same for everyone who runs this version.",
			example: []string{"sandbox", "sandbox --store ./sandbox-data --listen 127.0.0.1:8081"},
			keys:    keysBut()},
		{name: "load", args: "PATH…", does: "load files into a running server, or straight into a store", new: newLoad,
			more: "Takes Bundles (transaction, batch, collection), single resources and NDJSON, plain or gzip, files or folders. Files are\n" +
				"loaded in order, the Bundles of a file several at a time. A resource without a request keeps its id. What is faulty is\n" +
				"reported with file, line and reason, and the rest goes on; the code is 1 then.",
			example: []string{"load ./synthea", "load --store ./firewarden-data patients.ndjson.gz", "load --to https://fhir.example.org --token T bundle.json"},
			keys:    []string{"base-url", "admin-key", "validation"}},
		{name: "export", does: "write resources as NDJSON, a file of each type", new: newExport,
			more:    "From a running server, page by page, or out of a store that no server has open, as of one moment.",
			example: []string{"export --out ./export", "export --store ./firewarden-data --type Patient > patients.ndjson"},
			keys:    []string{"admin-key"}},
		{name: "user add", args: "NAME", does: "let somebody sign in", new: newUserAdd,
			more:    "Without --password one is made up and printed. --fhir-user says who the person is in the record, --policy what\nthe person may see: all, self, related, care-team, readonly.",
			example: []string{"user add ann --fhir-user Practitioner/123 --policy care-team", "user add bob --fhir-user Patient/7 --policy self --password 'correct horse'"}, keys: adminKeys},
		{name: "user list", does: "who can sign in", new: newUserList, example: []string{"user list"}, keys: adminKeys},
		{name: "user show", args: "NAME", does: "a user, as JSON", new: newShow("users"), example: []string{"user show ann"}, keys: adminKeys},
		{name: "user set", args: "NAME", does: "change a user; what the user may see changes with the next request", new: newUserSet,
			example: []string{"user set ann --policy readonly", "user set bob --disabled"}, keys: adminKeys},
		{name: "user passwd", args: "NAME", does: "give a user another password; who is signed in is signed out", new: newUserPasswd, example: []string{"user passwd ann"}, keys: adminKeys},
		{name: "user remove", args: "NAME", does: "remove a user with all that the user has granted", new: newRemove("users"), example: []string{"user remove ann"}, keys: adminKeys},
		{name: "policy list", does: "what users may see, by name", new: newPolicyList, example: []string{"policy list"}, keys: adminKeys},
		{name: "policy show", args: "NAME", does: "a policy, as JSON", new: newShow("policies"), example: []string{"policy show clinic"}, keys: adminKeys},
		{name: "policy set", args: "NAME", does: "make or change a policy, in force with the next request", new: newPolicySet,
			more:    "--patients is all, none, or a search for Patients in which {user} is the user's own resource.",
			example: []string{"policy set mine --patients 'Patient?general-practitioner={user}' --letters rs"}, keys: adminKeys},
		{name: "policy remove", args: "NAME", does: "remove a policy; who has it sees nothing from then on", new: newRemove("policies"), example: []string{"policy remove mine"}, keys: adminKeys},
		{name: "client add", does: "register an app or a backend service", new: newClientAdd,
			more:    "Prints the client's id and, if it has one, its secret, this once. --jwks makes it one that proves itself by key.",
			example: []string{"client add --name 'My app' --redirect-uri https://app.example.org/cb --public", "client add --id nightly --backend --jwks ./jwks.json --scope 'system/*.rs'"}, keys: adminKeys},
		{name: "client list", does: "the registered clients", new: newClientList, example: []string{"client list"}, keys: adminKeys},
		{name: "client show", args: "ID", does: "a client, as JSON", new: newShow("clients"), example: []string{"client show sandbox-public"}, keys: adminKeys},
		{name: "client set", args: "ID", does: "change what a client is registered with", new: newClientSet, example: []string{"client set sandbox-backend --jwks http://127.0.0.1:9000/jwks.json"}, keys: adminKeys},
		{name: "client passwd", args: "ID", does: "give a client another secret; the one before it is good until the next", new: newClientPasswd, example: []string{"client passwd my-app"}, keys: adminKeys},
		{name: "client remove", args: "ID", does: "remove a client with all that was granted to it", new: newRemove("clients"), example: []string{"client remove my-app"}, keys: adminKeys},
		{name: "token mint", does: "print an access token, for scripts and tests", new: newTokenMint,
			more:    "It is bound by its scopes and by the policy of --user; patient/ scopes need --patient, user/ scopes --user.",
			example: []string{"token mint --client sandbox-public --scope 'patient/*.rs' --patient patient-001"}, keys: adminKeys},
		{name: "token explain", args: "TOKEN [REF…]", does: "what an access token may see, and why it may see a resource or not", new: newTokenExplain,
			more: "With REF, as in Observation/9: for each interaction whether it is allowed, which scopes match and what the others lack,\n" +
				"the parameter that links the resource to the patient, and the smallest scope that would do. TOKEN may be -, for standard\ninput.",
			example: []string{"token explain eyJhbGciOiJFUzI1NiIs…", "token explain eyJhbGciOiJFUzI1NiIs… Observation/9", "token explain --json - Observation/9 < token"}, keys: adminKeys},
		{name: "key list", does: "the keys that sign tokens, without their secrets", new: newKeyList, example: []string{"key list"}, keys: adminKeys},
		{name: "key rotate", does: "make new keys that sign tokens", new: newKeyRotate,
			more:    "They are published at once and sign a day later; what the old ones have signed counts for two days more. With\n--at-once, for keys that others may have, new keys sign now, and what the old ones have signed counts no more.",
			example: []string{"key rotate", "key rotate --at-once"}, keys: adminKeys},
		{name: "health", does: "ask the server of this machine whether it is ready", new: newHealth,
			more: "Ends with 0 if it is: the health check of a container.", example: []string{"health"}, keys: []string{"listen", "tls-certificate", "tls-key"}},
		{name: "check", does: "verify a store: versions, index against resources, the chain of the audit log", new: newCheck,
			example: []string{"check --store ./firewarden-data"}, keys: []string{"store"}},
		{name: "audit verify", does: "prove that the audit log is what was written", new: newAuditVerify,
			more: "Each batch holds the sum of the one before it: a record that was changed or is missing breaks the chain. Who keeps the\n" +
				"printed sum elsewhere and gives it with --since finds a chain that was written anew as a whole, too. A server that runs\nproves its own log, with --server or where it has the store open, and goes on to serve meanwhile.",
			example: []string{"audit verify --store ./firewarden-data", "audit verify --server https://fhir.example.org", "audit verify --since 5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9"},
			keys:    []string{"store", "admin-key", "listen"}},
		{name: "reindex", does: "rebuild the index of a store that no server has open", new: newReindex,
			more:    "Needed when the base URL changes, by which references are resolved, when text-index changes, and when a new version says\nso.",
			example: []string{"reindex", "reindex --store ./firewarden-data --base-url https://fhir.example.org"},
			keys:    []string{"store", "base-url", "listen", "text-index"}},
		{name: "config print", does: "the effective configuration and where each value comes from", new: newConfigPrint,
			more:    "Secrets are masked. --sandbox shows what the sandbox would use.",
			example: []string{"config print --config firewarden.yaml"}, keys: keysBut()},
		{name: "config check", does: "check the configuration without starting a server", new: newConfigCheck,
			example: []string{"config check --config firewarden.yaml"}, keys: keysBut()},
		{name: "bench", does: "measure a server on data whose answers are known", new: newBench,
			more: "Starts a server of its own with a store in a temporary folder, imports patients, checks the answer of every search and\n" +
				"times it, also by an app's token, then writes and reads under load, kills the server and starts it again. A wrong answer\n" +
				"has no figure, and the code is 1 then. With --report the tables of README.md are made anew.",
			example: []string{"bench", "bench --patients 2000 --only Q5,Q10,W1", "bench --patients 200,2000,20000 --report README.md", "bench --url http://127.0.0.1:8080"}},
		{name: "version", does: "the version", new: newVersion, example: []string{"version"}},
	}
}
