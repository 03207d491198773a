// Package packages tests the packages that `make packages` builds, by
// installing, upgrading and removing them on a throw-away copy of this machine.
package packages
