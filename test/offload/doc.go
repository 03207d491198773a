// Package offload tests flows that the kernel carries on with: that they are carried, that
// nothing is lost of what every packet would have met, and that nothing but a verdict begins it.
package offload
