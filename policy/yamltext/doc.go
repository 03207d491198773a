// Package yamltext is texts of YAML on their way into yaml.v3: what must not reach it, and what
// its errors mean, in words for people and with a place.
package yamltext
