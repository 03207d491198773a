package file

import (
	"fmt"
	"time"

	"gopkg.in/yaml.v3"

	"sgfw/policy"
)

// offload reads what is under `settings.offload:` over the defaults in o.
func (d *decoder) offload(n *node, o *policy.Offload) {
	f, _ := d.mapping(n, "offload", offloadKeys)
	if seconds, ok := d.number(f["lifetime"], "offload.lifetime"); ok {
		// Far out of range is out of range, not an overflow.
		o.Lifetime = time.Duration(max(-1, min(seconds, 1e6))) * time.Second
	}
	d.markBits(f["mark_bits"], o)
}

// markBits reads the numbers of two bits. Whether they differ the policy says.
func (d *decoder) markBits(n *node, o *policy.Offload) {
	const key = "offload.mark_bits"
	hint := fmt.Sprintf("two different bits, each 0 to %d", policy.MaxMarkBit)
	switch {
	case n == nil || unusable(n):
		return
	case n.Kind != yaml.SequenceNode:
		d.invalid(n, "the numbers of two bits, such as [28, 29]", "%s must be a list, not %s", key,
			describe(n))
		return
	case len(n.Content) != len(o.MarkBits):
		d.invalid(n, hint, "%s must be two numbers, not %d", key, len(n.Content))
		return
	}
	read := o.MarkBits
	for i, item := range n.Content {
		switch bit, ok := d.number(item, key); {
		case ok && (bit < 0 || bit > policy.MaxMarkBit):
			d.invalid(item, hint, "%s: a mark has no bit %d", key, bit)
			return
		case !ok:
			read = o.MarkBits
		default:
			read[i] = uint8(bit)
		}
	}
	o.MarkBits = read
}
