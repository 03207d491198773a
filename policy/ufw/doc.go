// Package ufw imports the rules of ufw: user.rules and user6.rules of /etc/ufw, which are in
// the format of iptables-save, and with them, if given, before.rules and after.rules of both
// families, and /etc/default/ufw, which has the policies.
package ufw
