package libvirt

import (
	"context"
	"errors"
	"fmt"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/libvirtapi"
)

// machine is a running guest as its log sees it.
type machine struct {
	// off returns when the machine does not run any more, and why.
	off func(context.Context) error
	// resume lets its CPUs run.
	resume func(context.Context) error
}

// attend learns how the machine ends, until ctx does.
func (g *guestLog) attend(ctx context.Context, m machine) {
	await := func() {
		err := m.off(ctx)
		if ctx.Err() != nil {
			return // nobody waits any more
		}
		g.change(func(s *guestState) { s.Ended, s.EndErr = true, err })
	}
	g.mu.Lock()
	g.goOn = func(asked context.Context) error {
		// One that was resumed by hand, or is off by now, is judged by what it is.
		if err := m.resume(asked); err != nil && !errors.Is(err, libvirtapi.ErrState) {
			return err
		}
		g.change(func(s *guestState) { s.Ended, s.EndErr = false, nil })
		go await()
		return nil
	}
	g.mu.Unlock()
	go await()
}

// revive is asked by each step before it looks at the guest. A machine that QEMU has
// stopped since the host's disk was full goes on where it stopped: the user has made
// room when -on-error=ask runs the step again, and QEMU then repeats the write
// that has failed (werror=enospc: qemu(1), -drive). Where there is no room it
// stops it at once again, and the step says so again.
func (g *guestLog) revive(ctx context.Context) error {
	state, _ := g.Now()
	if !state.Ended || !errors.Is(state.EndErr, libvirtapi.ErrNoSpace) {
		return nil
	}
	g.mu.Lock()
	goOn := g.goOn
	g.mu.Unlock()
	g.show("The storage pool had run full; resuming the machine where it was stopped")
	if err := goOn(ctx); err != nil {
		return fmt.Errorf("the machine was stopped because the storage pool had run full, and can't be resumed: %w", err)
	}
	return nil
}
