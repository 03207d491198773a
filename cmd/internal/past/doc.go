// Package past remembers what began and what was refused, in bounded memory, and says what
// another policy would have made of it.
package past
