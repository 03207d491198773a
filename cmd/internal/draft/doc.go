// Package draft is a first policy, made of what a machine has: its devices, the ports
// that it listens on, and the SSH sessions that are live. It asks what it cannot know.
package draft
