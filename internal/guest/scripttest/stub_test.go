package scripttest

import (
	"bytes"
	"strings"
	"testing"
)

// run runs a script on a machine with our own New-Stub and gives its lines.
func run(t *testing.T, m *Machine, script string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	if _, err := m.Script(t.Context(), script, strings.NewReader(""), &out, &errs); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	return strings.Fields(strings.ReplaceAll(out.String(), " ", "_"))
}

// TestOwnStubs holds our New-Stub to the contract that the tests use: it is the
// one of a Windows PowerShell, which no test here can ask.
func TestOwnStubs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ set, script, out, call string }{
		"variables and Parameters": {
			set: `New-Stub Get-LocalUser { "$Name $($Parameters.Count) $($Parameters.ContainsKey('SID'))" }`, script: `Get-LocalUser -Name kim`,
			out: "kim_1_False", call: `Get-LocalUser {"Name":["kim"]}`,
		},
		"a block with param": {set: `New-Stub Get-LocalUser { param($Name) "$Name $($args.Count)" }`, script: `Get-LocalUser kim -ErrorAction Stop`, out: "kim_0"},
		"state":              {set: `$global:n = 0; New-Stub Start-Sleep { $global:n++ }`, script: `Start-Sleep -Seconds 1; Start-Sleep 2; $global:n`, out: "2", call: `Start-Sleep {"Seconds":1}`},
		"once an object":     {set: `New-Stub Remove-NetFirewallRule { "gone $($InputObject.Name)" }`, script: `@{ Name = 'a' }, @{ Name = 'b' } | ForEach-Object { [pscustomobject]$_ } | Remove-NetFirewallRule`, out: "gone_a|gone_b"},
		"WhatIf is not done": {set: `New-Stub Remove-LocalUser { 'done' }`, script: `Remove-LocalUser -Name kim -WhatIf; 'end'`, out: "end", call: `"WhatIf":true`},
		"a wrong parameter":  {set: `New-Stub Remove-AppxPackage { 'done' }`, script: `try { Remove-AppxPackage -Package x -AllUsers } catch { $_.FullyQualifiedErrorId.Split(',')[0] }`, out: "NamedParameterNotFound"},
		"an error goes on":   {set: `New-Stub Get-Service { Write-Error 'none'; 'after' }`, script: `Get-Service -Name x -ErrorAction SilentlyContinue`, out: "after"},
		"a throw":            {set: `New-Stub Get-Service { throw 'none' }`, script: `try { Get-Service -Name x } catch { "$_" }`, out: "none"},
		"a program":          {set: `New-Stub reagentc.exe { "ran $($args[0])"; $global:LASTEXITCODE = 3 }`, script: `reagentc.exe /info; $LASTEXITCODE`, out: "ran_/info|3", call: "reagentc.exe /info"},
		"a program's code is 0": {
			set: `New-Stub reagentc.exe`, script: `$global:LASTEXITCODE = 9; & reagentc.exe /disable; $LASTEXITCODE`, out: "0", call: "reagentc.exe /disable",
		},
		"Start-Process": {
			set:    `New-Stub reagentc.exe { $global:LASTEXITCODE = 5 }`,
			script: `$p = Start-Process -FilePath C:\Windows\System32\reagentc.exe -ArgumentList '/a', '"C:\b c"' -PassThru -NoNewWindow; $p.WaitForExit(1000); $p.ExitCode`,
			out:    "True|5", call: `reagentc.exe /a C:\b c`,
		},
		"a program without a stub": {script: `try { & bcdedit.exe /enum } catch { "$_" }`, out: "bcdedit.exe_is_not_stubbed"},
		"a command without a stub": {script: `try { Set-NetAdapter -Name x } catch { "$_" }`, out: "Set-NetAdapter_is_not_stubbed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := New(t).OwnStubs().Set(c.set)
			if got := strings.Join(run(t, m, c.script), "|"); got != c.out {
				t.Errorf("%q, expected %q", got, c.out)
			}
			var calls []string
			for _, call := range m.Calls(t) {
				calls = append(calls, call.String())
			}
			if !strings.Contains(strings.Join(calls, "\n"), c.call) {
				t.Errorf("%q is not among the calls %q", c.call, calls)
			}
		})
	}
}
