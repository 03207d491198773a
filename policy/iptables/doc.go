// Package iptables imports what iptables-save and ip6tables-save print, also iptables -S: the
// filter table's INPUT and OUTPUT chains become groups, by way of policy/chains.
package iptables
