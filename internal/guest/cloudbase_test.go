package guest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
)

const cloudbaseFolder = `C:\Program Files\Cloudbase Solutions\Cloudbase-Init`

// installsCloudbase is what the MSI does.
const installsCloudbase = `
$global:OnRun['msiexec.exe'] = {
    Set-TestService 'cloudbase-init' 2
    Set-Product '{3}' 'Cloudbase-Init 1.1.8' '1.1.8.0'
    Set-File '` + cloudbaseFolder + `\bin\OpenStackService.exe'
    Set-File '` + cloudbaseFolder + `\Python\Scripts\cloudbase-init.exe'
    Set-File '` + cloudbaseFolder + `\conf\cloudbase-init.conf' '[DEFAULT]'
}
`

func TestCloudbaseInstall(t *testing.T) {
	t.Parallel()
	t.Run("disabled at once", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t).Set(installsCloudbase + `$global:Exit['msiexec.exe'] = 3010; $global:Running = @('cloudbase-init')`)
		r, reboot := do(t, guest.CloudbaseInstall, m, installer(t, m))
		if r.ServiceStart != 4 || r.Version != "1.1.8.0" || r.Folder != cloudbaseFolder || !reboot {
			t.Errorf("%+v, reboot %v", r, reboot)
		}
		if len(m.Calls(t, "Stop-Service")) != 1 {
			t.Error("the service was left running")
		}
		// By which the builder knows what the disk must hold.
		if said := m.Beacons(t); !slices.Equal(said, []string{beacon.CloudbaseInstall + " start", beacon.CloudbaseInstall + " ok"}) {
			t.Errorf("on COM1: %q", said)
		}
		again, _ := do(t, guest.CloudbaseInstall, m, installer(t, m))
		if again.ServiceStart != 4 || len(m.Calls(t, "msiexec.exe")) != 1 {
			t.Errorf("a second time: %+v, %d installations", again, len(m.Calls(t, "msiexec.exe")))
		}
	})
	t.Run("an MSI that is no cloudbase-init", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t)
		fails(t, guest.CloudbaseInstall, m, installer(t, m), "no-service")
	})
	t.Run("half an installation", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t).Set(`$global:OnRun['msiexec.exe'] = { Set-TestService 'cloudbase-init' 2 }`)
		fails(t, guest.CloudbaseInstall, m, installer(t, m), "incomplete")
	})
	t.Run("the service can't be disabled", func(t *testing.T) {
		t.Parallel()
		m := scripttest.New(t).Set(installsCloudbase + `New-Stub Set-Service { }`)
		fails(t, guest.CloudbaseInstall, m, installer(t, m), "not-disabled")
	})
}

func TestCloudbaseConfigureAndVerify(t *testing.T) {
	t.Parallel()
	p := guest.CloudbaseConfigureParameters{Conf: "[DEFAULT]\r\nusername=O'Neil $$x `y`\r\n", UnattendConf: "[DEFAULT]\r\nallow_reboot=false\r\n"}
	fails(t, guest.CloudbaseConfigure, scripttest.New(t), p, "not-installed")

	m := scripttest.New(t).Set(`Set-TestService 'cloudbase-init' 4`)
	m.Put(t, cloudbaseFolder+`\conf\cloudbase-init.conf`, "old")
	r, _ := do(t, guest.CloudbaseConfigure, m, p)
	if got := m.Get(t, r.ConfPath); got != p.Conf {
		t.Errorf("conf: %q", got)
	}
	if got := m.Get(t, r.UnattendConfPath); got != p.UnattendConf {
		t.Errorf("unattend conf: %q", got)
	}
	sum := sha256.Sum256([]byte(p.Conf))
	if r.ConfSHA256 != hex.EncodeToString(sum[:]) || r.LogBytes != 0 || r.ServiceStart != 4 {
		t.Errorf("%+v", r)
	}
	m.Put(t, cloudbaseFolder+`\log\cloudbase-init.log`, "it has run")
	v, _ := do(t, guest.CloudbaseVerify, m, guest.None{})
	if !v.Installed || v.ServiceStart != 4 || v.LogBytes != 10 || v.Conf != p.Conf || v.UnattendConf != p.UnattendConf {
		t.Errorf("%+v", v)
	}
	if v, _ := do(t, guest.CloudbaseVerify, scripttest.New(t), guest.None{}); v.Installed || v.ServiceStart != -1 || v.Conf != "" || v.UnattendConf != "" {
		t.Errorf("%+v", v)
	}
	m.Set(`Set-TestService 'cloudbase-init' 2`)
	fails(t, guest.CloudbaseConfigure, m, p, "not-disabled")
}
