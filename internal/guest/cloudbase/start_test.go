package cloudbase

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
)

func TestScriptSetupComplete(t *testing.T) {
	t.Parallel()
	const path = `C:\Windows\Setup\Scripts\wintemplate-setupcomplete.ps1`
	const lease = `$global:Cim['Win32_NetworkAdapterConfiguration'] = [pscustomobject]@{ DHCPServer = '10.1.1.1' };`
	for name, c := range map[string]struct {
		set    string
		wait   string
		exit   string
		sleeps int
		gone   bool
	}{
		"with a lease":               {set: lease, wait: "180", exit: "0", gone: true},
		"the lease comes late":       {set: `$global:n = 0; New-Stub Start-Sleep { if (++$global:n -eq 3) { ` + lease + ` } }`, wait: "180", exit: "0", sleeps: 3, gone: true},
		"no lease ever":              {wait: "6", exit: "0", sleeps: 3, gone: true},
		"a lease from the broadcast": {set: `$global:Cim['Win32_NetworkAdapterConfiguration'] = [pscustomobject]@{ DHCPServer = '255.255.255.255' }`, wait: "4", exit: "0", sleeps: 2, gone: true},
		"from a drive":               {wait: "0", exit: "0", gone: true},
		"it runs already":            {set: `$global:Exit['sc.exe'] = @(0, 1056)`, wait: "0", exit: "0", gone: true},
		"there is no such service":   {set: `$global:Exit['sc.exe'] = @(1060, 1060)`, wait: "0", exit: "1"},
		"it does not start":          {set: `$global:Exit['sc.exe'] = @(0, 1053)`, wait: "0", exit: "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := scripttest.New(t).Set(c.set)
			m.Put(t, path, SetupCompleteScript())
			var out bytes.Buffer
			if _, err := m.Script(t.Context(), "& '"+path+"' -WaitSeconds "+c.wait+"\n\"exit=$LASTEXITCODE\"", strings.NewReader(""), &out, &out); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), "exit="+c.exit) {
				t.Errorf("%s", out.String())
			}
			if n := len(m.Calls(t, "Start-Sleep")); n != c.sleeps {
				t.Errorf("it slept %d times, expected %d", n, c.sleeps)
			}
			calls := m.Calls(t, "sc.exe")
			if len(calls) != 2 || calls[0].String() != "sc.exe config cloudbase-init start= delayed-auto depend= winmgmt/nsi/profsvc/Dhcp" || calls[1].String() != "sc.exe start cloudbase-init" {
				t.Errorf("%v", calls)
			}
			if m.Has(path) == c.gone {
				t.Errorf("the script is still there: %v", m.Has(path))
			}
		})
	}
}

func TestSetupComplete(t *testing.T) {
	if s := SetupComplete(true); !strings.Contains(s, "-WaitSeconds 180\r\n") || !strings.HasSuffix(s, "exit /b 0\r\n") {
		t.Error(s)
	}
	if s := SetupComplete(false); !strings.Contains(s, "-WaitSeconds 0\r\n") {
		t.Error(s)
	}
	// An exit of the user's own ends only itself when it runs in a cmd.exe of its own; "call" would end ours with it.
	s := SetupComplete(true)
	user := strings.Index(s, `cmd.exe /d /c "%~dp0SetupComplete.user.cmd"`)
	if user < 0 || strings.Count(s, "SetupComplete.user.cmd") != 2 || user > strings.Index(s, "wintemplate-setupcomplete.ps1") {
		t.Errorf("the user's own script does not run first, in a cmd.exe of its own:\n%s", s)
	}
	if !strings.Contains(s, `if exist "%~dp0SetupComplete.user.cmd" `) {
		t.Error("most have no script of their own")
	}
	for line := range strings.Lines(SetupComplete(true)) {
		// timeout.exe has been seen to freeze there, and a restart is forbidden.
		if strings.Contains(line, "timeout") || strings.Contains(line, "shutdown") {
			t.Error(line)
		}
	}
}
