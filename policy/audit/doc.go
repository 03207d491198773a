// Package audit says what is wrong with security groups: what they open to everybody, what
// serves nothing, what will surprise. It judges what groups permit together by the exact sets
// of package space, not by how rules are written: 0.0.0.0/1 and 128.0.0.0/1 are everybody.
//
// It is a function of a policy, its text, and what the caller knows beside it; it asks
// nobody.
package audit
