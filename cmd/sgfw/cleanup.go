package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"sgfw/cmd/internal/api"
	"sgfw/cmd/internal/control"
	"sgfw/cmd/internal/host/process"
	"sgfw/cmd/internal/host/remains"
	"sgfw/cmd/internal/screen"
	"sgfw/filter/nft"
)

// cleanupDocument is what `cleanup -o json` prints.
type cleanupDocument struct {
	Schema string `json:"schema"`
	// Removed names the tables that are gone now.
	Removed []string `json:"removed"`
	// Before is what was there.
	Before api.Remains `json:"before"`
}

// howItRuns says how a daemon is that is in the way, and what to do.
func howItRuns(p process.Process) string {
	if !p.Stopped() {
		return "running (hint: stop it, and it cleans up itself)"
	}
	return fmt.Sprintf("there: %s (hint: sudo kill -CONT %d, and stop it)", p.Described(), p.PID)
}

func (p *program) cleanupCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "cleanup",
		Short: "Remove what a daemon left that did not stop in order",
		Long: `Remove the nftables table that a daemon left behind: after kill -9 or a crash
(on_failure: {gone: drop}), or after a stop with on_stop: keep. Until then the
managed interfaces are closed; it says which those were. Other tools' tables are
not touched. The files of the control socket go with it.

While a daemon of this network namespace lives, cleanup refuses with exit code 5.`,
		Example: `  sudo sgfw cleanup`,
		Args:    cobra.NoArgs,
	}
	out := outputFlag(c)
	c.Flags().BoolVar(&force, "force", false, "do not ask whether a daemon holds the control socket")
	c.RunE = func(*cobra.Command, []string) error {
		holder, held := control.Holder(p.socket)
		// A daemon of another network namespace has its table there.
		if held && !force && !holder.Network.Other(p.network) {
			return fmt.Errorf("%w: the daemon with PID %d is %s", errRefused, holder.PID, howItRuns(holder))
		}
		before := remains.Look()
		if before.State == api.RemainsHeld && !force {
			what, _ := remainsText(before)
			return fmt.Errorf("%w: %s (hint: stop that process)", errRefused, what)
		}
		removed, err := nft.Cleanup()
		switch {
		case errors.Is(err, nft.ErrOwned):
			// Nobody but the owner can change an owned table: force does not help.
			return fmt.Errorf("%w: %w (hint: stop that process)", errRefused, err)
		case errors.Is(err, os.ErrPermission):
			return fmt.Errorf("only root can see whether the machine is closed, and open it: %w", err)
		case err == nil:
			err = removeLeftovers(p.socket)
		}
		if err != nil {
			return err
		}
		doc := cleanupDocument{Schema: api.Schema, Removed: append([]string{}, removed...),
			Before: before}
		if *out == formatJSON {
			return p.printJSON(doc)
		}
		if len(removed) == 0 {
			_, err = fmt.Fprintln(p.out, "nothing to remove in this network namespace")
			return err
		}
		for _, name := range removed {
			if _, err := fmt.Fprintln(p.out, "removed", name); err != nil {
				return err
			}
		}
		if before.State == api.RemainsClosed {
			p.print(p.shown(out), screen.Good, "the machine was closed: "+devicesText(before.Devices)+
				"; now it is open")
		}
		return nil
	}
	return c
}
