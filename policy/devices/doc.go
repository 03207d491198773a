// Package devices compares the devices that a policy names with those of a machine, in
// words for whoever wrote the policy: which are not there, what may have been meant
// instead, and which names lead to one device.
package devices
