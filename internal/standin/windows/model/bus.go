package model

import (
	"context"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// busPause is the script's between two looks.
const busPause = 3 * time.Second

// busPrepare looks for devices anew until every storage driver starts at boot.
// A driver does so once it has been bound to a device of its own; one that
// only lies in the driver store leaves a clone on its bus with 0x7B
// (virtio-win-guest-tools-installer#61: it starts after a virtio disk was
// attached once).
func (m *Model) busPrepare(ctx context.Context, _ caller, p guest.BusPrepareParameters) (guest.BusPrepareResult, bool, error) {
	wait := time.Duration(p.WaitSeconds) * time.Second
	for waited := time.Duration(0); ; waited += busPause {
		r := m.lookForDisks(p.BootServices)
		if len(r.Missing) == 0 || waited >= wait {
			return r, false, nil
		}
		select {
		case <-ctx.Done():
			return r, false, ctx.Err()
		case <-time.After(busPause):
		}
	}
}

func (m *Model) lookForDisks(services []string) guest.BusPrepareResult {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bindDevices(m.host.Devices())
	m.writeDriverFiles(m.disk)
	r := guest.BusPrepareResult{Bound: []string{}, Missing: []string{}}
	for _, name := range services {
		if m.serviceStart(name) == startBoot {
			r.Bound = append(r.Bound, name)
		} else {
			r.Missing = append(r.Missing, name)
		}
	}
	return r
}
