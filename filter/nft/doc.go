// Package nft is sgfw's own nftables table, `inet sgfw`, which hands the packets of
// managed devices to a range of NFQUEUE queues. It installs, changes, watches, repairs
// and removes the table through netlink; no nft binary is needed.
//
// The table:
//
//	chain input    iifname vmap { DEVICE: goto host-in, … }   priority 0, policy accept
//	               iif vmap { NUMBER: goto host-in, … }       devices with an altname
//	               iifname PREFIX* goto host-in
//	chain forward  iifname BRIDGE oifname BRIDGE, with one of its ports: accept
//	               iifname, and then oifname, the same: goto verdict
//	chain output   oifname, the same: goto host-out
//	chain host-in  failsafes accept, everything else goto verdict
//	chain host-out failsafes accept, everything else goto verdict
//	chain guest-in, guest-out  the same for devices with a guest behind them,
//	               whose failsafes run the other way
//	chain prerouting, postrouting  at priorities -150 and 150, for devices whose packets
//	               are judged as the wire has them: goto host-wire-in, guest-wire-out, …
//	chain verdict  queue BASE..BASE+COUNT-1, or drop while the queues cannot be bound
//	chain reassembly  never reached; its one rule holds kernel defragmentation
//
// Three rules govern it:
//
//   - A device is matched by name, so devices that appear later are covered. The kernel's
//     rules know no altnames: a device that has a name as an altname is matched by its
//     number, from the [Table.Apply] on that says so.
//   - The base chains live from the first [Table.Apply] to [Table.Remove], because
//     unregistering any base chain of a network namespace drops every packet that waits
//     in any queue (K3, nf_queue_nf_hook_drop, net/netfilter/nf_queue.c). Changes replace
//     the rules inside them, the new ones first. The exception is a change of Plan.Gone.
//   - No other table is touched.
//
// Where the kernel has no owned tables, another program can alter ours. [Table.Watch]
// reports it at once and [Table.Repair] closes the devices again. Between the foreign
// transaction and the repair packets may pass, for one to eight milliseconds as measured
// under load on kernel 6.18. Against a program that alters the table in a loop
// [Table.Bar] closes the devices in a second table.
//
// The failsafes (see [policy.Failsafe]) are accepted in the table, so that they hold
// while nobody answers the queues.
//
// A [Plan] says in the policy's own words (mode, balance, failsafe, what a failure
// leaves) what the table shall do. It knows no rules, groups or members.
package nft
