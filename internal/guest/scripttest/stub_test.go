package scripttest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
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

// program is one that this machine would run.
func program(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("SystemRoot"), `System32\HOSTNAME.EXE`)
	}
	path := filepath.Join(t.TempDir(), "real.exe")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho it ran\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEveryStubHasASignature: on Windows PowerShell a command whose signature
// is not kept here would have to be asked of its module, and to load that puts
// its functions over the stubs.
func TestEveryStubHasASignature(t *testing.T) {
	t.Parallel()
	b, err := files.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var known map[string]any
	if err := json.Unmarshal(b, &known); err != nil {
		t.Fatal(err)
	}
	stub := regexp.MustCompile(`New-Stub '?([A-Z][a-z]+-[A-Z]\w+)`)
	var n int
	for _, pattern := range []string{"*_test.go", "testdata/*.ps1", "../*_test.go"} {
		list, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range list {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range stub.FindAllStringSubmatch(string(text), -1) {
				if n++; known[m[1]] == nil {
					t.Errorf("%s stubs %s, of which testdata/signatures.json has no signature", file, m[1])
				}
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d stubs were found", n)
	}
}

// TestOwnStubs holds our New-Stub to the contract that the tests use: it is the
// one of a Windows PowerShell, which no test here can ask.
func TestOwnStubs(t *testing.T) {
	t.Parallel()
	real := program(t)
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
		"a program that is there":  {script: "try { & '" + real + "' } catch { \"$_\" }", out: filepath.Base(real) + "_is_not_stubbed"},
		"a command that is there":  {script: `$x = 'kept'; try { Clear-Variable -Name x } catch { "$_" }; $x`, out: "Clear-Variable_is_not_stubbed|kept"},
		"by its path":              {set: `New-Stub reagentc.exe { "ran $($args[0])" }`, script: `& C:\Windows\System32\reagentc.exe /info`, out: "ran_/info", call: "reagentc.exe /info"},
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
