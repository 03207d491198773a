// Package doctor is an examination of this machine, in words: what the kernel offers
// and what falls back, what other programs do to packets before sgfw sees them, which
// ports no hook covers or the policy opens to the world.
//
// [Examine] gathers a [Machine], which needs no daemon and changes nothing that
// stays; [Diagnose] judges it and is pure.
package doctor
