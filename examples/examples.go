// Package examples holds policies to copy; its tests load each one.
package examples

import _ "embed" // the program carries the policy that its demo enforces and its manual shows

// WebServer is web-server.yaml.
//
//go:embed web-server.yaml
var WebServer string
