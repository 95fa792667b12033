package main

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
			keys:    []string{"store", "listen", "base-url", "anonymous", "admin-key", "metrics-listen", "validation", "audit", "log-level", "log-format", "stop-timeout", "clients", "users"}},
		{name: "sandbox", does: "the server with synthetic patients, demo users and demo clients", new: newServe(true),
			more: "The data is gone when the sandbox ends, unless --store names a folder. It never opens a store of serve. An empty\n" +
				"store gets a dozen synthetic patients, the same for everyone who runs this version.",
			example: []string{"sandbox", "sandbox --store ./sandbox-data --listen 127.0.0.1:8081"},
			keys:    []string{"store", "listen", "base-url", "anonymous", "admin-key", "metrics-listen", "validation", "audit", "log-level", "log-format", "public", "stop-timeout", "clients", "users", "sandbox-jwks"}},
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
		{name: "check", does: "verify a store: versions, and index against resources", new: newCheck,
			example: []string{"check --store ./firewarden-data"}, keys: []string{"store"}},
		{name: "reindex", does: "rebuild the index of a store that no server has open", new: newReindex,
			more:    "Needed when the base URL changes, by which references are resolved, and when a new version says so.",
			example: []string{"reindex", "reindex --store ./firewarden-data --base-url https://fhir.example.org"},
			keys:    []string{"store", "base-url", "listen"}},
		{name: "config print", does: "the effective configuration and where each value comes from", new: newConfigPrint,
			more:    "Secrets are masked. --sandbox shows what the sandbox would use.",
			example: []string{"config print --config firewarden.yaml"}, keys: allKeys()},
		{name: "config check", does: "check the configuration without starting a server", new: newConfigCheck,
			example: []string{"config check --config firewarden.yaml"}, keys: allKeys()},
		{name: "bench", does: "measure a server on data whose answers are known", new: newBench,
			more: "Starts a server of its own with a store in a temporary folder, imports patients, checks the answer of every search and\n" +
				"times it, then writes and reads under load, kills the server and starts it again. A wrong answer has no figure, and the\n" +
				"code is 1 then.",
			example: []string{"bench", "bench --patients 2000 --only Q5,Q10,W1", "bench --url http://127.0.0.1:8080"}},
		{name: "version", does: "the version", new: newVersion, example: []string{"version"}},
	}
}
