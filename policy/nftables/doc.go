// Package nftables imports what nft -j list ruleset prints: the filter chains of the hooks
// input and output become groups, by way of policy/chains.
package nftables
