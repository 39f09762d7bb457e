package libvirt

import (
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
)

// TestWhatMayStay: seal and disk check agree about what the user wants to keep
// in the template.
func TestWhatMayStay(t *testing.T) {
	proxy := func(more map[string]any) map[string]any {
		block := map[string]any{"server": "proxy.example:3128"}
		for k, v := range more {
			block[k] = v
		}
		return map[string]any{"proxy": block}
	}
	for name, c := range map[string]struct {
		fields     map[string]any
		says       string
		buildProxy bool
		recovery   bool
	}{
		"nothing":                  {nil, "", false, false},
		"a proxy of the build":     {proxy(nil), "", true, false},
		"a proxy that stays":       {proxy(map[string]any{"keep_in_template": true}), "", false, false},
		"the recovery partition":   {nil, beacon.RecoveryKept, false, true},
		"another operation speaks": {nil, "guest.recovery.remove", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.fields)
			if c.says != "" {
				b.said["provision"] = append([]string{beacon.Event{Stage: c.says, State: beacon.Info}.String()}, b.said["provision"]...)
			}
			if _, err := b.build(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, b.ui)
			}
			if b.told.BuildProxy != c.buildProxy || b.wanted.BuildProxy != c.buildProxy {
				t.Errorf("the build's proxy: provisioners %v, disk check %v, want %v", b.told.BuildProxy, b.wanted.BuildProxy, c.buildProxy)
			}
			if b.wanted.KeepRecovery != c.recovery {
				t.Errorf("the recovery partition may stay: %v, want %v", b.wanted.KeepRecovery, c.recovery)
			}
		})
	}
}
