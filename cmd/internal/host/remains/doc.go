// Package remains is what a network namespace has of sgfw where no daemon answers: a
// table, what that does to packets, and who holds it.
package remains
