package libvirt

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
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
	folder := t.TempDir()
	payload := func(name string) map[string]any {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		return map[string]any{"payload": []string{path}}
	}
	for name, c := range map[string]struct {
		fields     map[string]any
		says       string
		buildProxy bool
		recovery   bool
		cloudbase  bool
	}{
		"nothing":                  {nil, "", false, false, false},
		"a proxy of the build":     {proxy(nil), "", true, false, false},
		"a proxy that stays":       {proxy(map[string]any{"keep_in_template": true}), "", false, false, false},
		"the recovery partition":   {nil, beacon.RecoveryKept, false, true, false},
		"another operation speaks": {nil, "guest.recovery.remove", false, false, false},
		"cloudbase-init":           {nil, beacon.CloudbaseInstall, false, false, true},
		"cloudbase-init's MSI":     {payload("Our cloudbase 1.1.8.msi"), "", false, false, true},
		"a payload of its own":     {payload("agent.msi"), "", false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			fields := map[string]any{"payload": []string{}}
			maps.Copy(fields, c.fields)
			b := newBench(t, fields)
			if c.says != "" {
				b.said["provision"] = append([]string{beacon.Event{Stage: c.says, State: beacon.Info}.String()}, b.said["provision"]...)
			}
			if _, err := b.build(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, b.ui)
			}
			if b.told.BuildProxy != c.buildProxy || b.wanted.BuildProxy != c.buildProxy {
				t.Errorf("the build's proxy: provisioners %v, disk check %v, want %v", b.told.BuildProxy, b.wanted.BuildProxy, c.buildProxy)
			}
			// Without these the check looks for no certificate and no private key, and takes a server for a client.
			if digest := sha256.Sum256(b.wanted.Certificate); hex.EncodeToString(digest[:]) != b.told.CertificateSHA256 || len(b.wanted.Secrets) == 0 {
				t.Errorf("the disk check looks for another certificate than the guest has, or for no secret: %d bytes, %d secrets", len(b.wanted.Certificate), len(b.wanted.Secrets))
			}
			if !b.wanted.Server || !b.told.Server {
				t.Errorf("it is a server: provisioners %v, disk check %v", b.told.Server, b.wanted.Server)
			}
			if b.wanted.KeepRecovery != c.recovery {
				t.Errorf("the recovery partition may stay: %v, want %v", b.wanted.KeepRecovery, c.recovery)
			}
			if b.wanted.CloudbaseInit != c.cloudbase || b.wanted.CloudbaseInitStart != "demand" {
				t.Errorf("cloudbase-init is expected: %v, want %v; where it is, its start is %q", b.wanted.CloudbaseInit, c.cloudbase, b.wanted.CloudbaseInitStart)
			}
		})
	}
}
