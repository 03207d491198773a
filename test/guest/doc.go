// Package guest tests interfaces in guest mode: the groups protect the machine
// behind the device.
package guest
