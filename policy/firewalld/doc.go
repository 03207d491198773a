// Package firewalld imports zones of firewalld, as they are in /etc/firewalld/zones and
// /usr/lib/firewalld/zones, with the policies, services and ipsets that go with them.
//
// Each zone becomes a chain of rules in the order in which firewalld has them, as does each
// policy that is for this machine, and package policy/chains a group of it.
package firewalld
