package main

// commands are those of the program, in the order of --help.
var commands []command

func init() {
	// In init, because help reads the list that it is part of.
	commands = []command{
		{name: "serve", does: "the server", new: newServe(false),
			more: "The data is kept in the folder of --store. A request needs the administrator's key, from the folder's file\n" +
				"admin-key, as Authorization: Bearer KEY, unless --anonymous lets requests in without.",
			example: []string{"serve", "serve --store /var/lib/firewarden --listen 0.0.0.0:8080 --base-url https://fhir.example.org"},
			keys:    []string{"store", "listen", "base-url", "anonymous", "admin-key", "metrics-listen", "validation", "audit", "log-level", "log-format", "stop-timeout"}},
		{name: "sandbox", does: "the server with synthetic patients, open to everybody on this machine", new: newServe(true),
			more: "The data is gone when the sandbox ends, unless --store names a folder. It never opens a store of serve. An empty\n" +
				"store gets a dozen synthetic patients, the same for everyone who runs this version.",
			example: []string{"sandbox", "sandbox --store ./sandbox-data --listen 127.0.0.1:8081"},
			keys:    []string{"store", "listen", "base-url", "anonymous", "admin-key", "metrics-listen", "validation", "audit", "log-level", "log-format", "public", "stop-timeout"}},
		{name: "config print", does: "the effective configuration and where each value comes from", new: newConfigPrint,
			more:    "Secrets are masked. --sandbox shows what the sandbox would use.",
			example: []string{"config print --config firewarden.yaml"}, keys: allKeys()},
		{name: "config check", does: "check the configuration without starting a server", new: newConfigCheck,
			example: []string{"config check --config firewarden.yaml"}, keys: allKeys()},
		{name: "version", does: "the version", new: newVersion, example: []string{"version"}},
	}
}
