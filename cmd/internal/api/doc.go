// Package api is the JSON documents of sgfw/v1, a file for each noun: what the
// daemon answers on its socket and what `-o json` prints. It holds no behaviour.
//
// To add a field: add it here with its json tag and a comment, fill it where the
// document is made (cmd/internal/enforce for status and reloads, cmd/internal/daemon for
// flows, rules and log, cmd/internal/explain for explanations, cmd/sgfw for a file), and
// print it in the table of its command
// in cmd/sgfw. Then write the schema anew with
//
//	go test ./cmd/sgfw -run TestSchemasAreCurrent -update
//
// Keys may be added to a document of sgfw/v1; none is renamed or taken away.
package api
