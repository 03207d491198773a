// Package examples holds policies to copy; its tests load each one.
package examples

import _ "embed" // the demo carries the policy that it enforces

// WebServer is web-server.yaml.
//
//go:embed web-server.yaml
var WebServer string
