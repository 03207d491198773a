// Package firewalld imports zones of firewalld, as they are in /etc/firewalld/zones and
// /usr/lib/firewalld/zones, with the services and ipsets that they name.
//
// Each zone becomes a chain of rules in the order in which firewalld has them, and package
// policy/chains a group of it.
package firewalld
