package guest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rule is a thing that a parser cannot see and that hurts on real machines.
type rule struct {
	name string
	// found matches the wrong line, but not one that matches but.
	found, but *regexp.Regexp
	why        string
}

var rules = []rule{
	{"wmic", regexp.MustCompile(`(?i)\bwmic\b`), nil, "Windows 11 24H2 has none; use Get-CimInstance"},
	{"write-host", regexp.MustCompile(`(?i)\bWrite-Host\b`), nil, "it is no data; a result goes through Complete-Operation"},
	{"web-request", regexp.MustCompile(`(?i)\b(Invoke-WebRequest|iwr|curl|wget)\b`), regexp.MustCompile(`-UseBasicParsing`), "since KB5071546 it asks a question without -UseBasicParsing"},
	{"endless-loop", regexp.MustCompile(`(?i)\b(while|until)\s*\(\s*(\$true|\$false|1)\s*\)`), nil, "an unbounded wait: count the tries"},
	{"wait-for-exit", regexp.MustCompile(`(?i)\.WaitForExit\(\s*\)`), nil, "an unbounded wait: give it milliseconds"},
	{"start-process-wait", regexp.MustCompile(`(?i)\bStart-Process\b.*\s-Wait\b`), nil, "an unbounded wait, and one for grandchildren too: use WaitForExit with milliseconds"},
	{"start-process-code", regexp.MustCompile(`(?i)\bStart-Process\b.*\s-NoNewWindow\b`), nil, "the exit code of a program that ends at once is lost: use Start-Program"},
	{"wait-process", regexp.MustCompile(`(?i)\bWait-Process\b`), regexp.MustCompile(`-Timeout`), "an unbounded wait"},
	{"native-text", regexp.MustCompile(`(?i)(\$(\w+)\s*=\s*|\(\s*)&?\s*(sc|netsh|net|dism|bcdedit|powercfg|pnputil|reg|manage-bde|fsutil|schtasks|quser|reagentc|wevtutil)(\.exe)?\s`), regexp.MustCompile(`(?i)\$null\s*=`), "a program's text is in Windows' language: go by its exit code"},
	{"native-stderr", regexp.MustCompile(`(?i)\.exe\b[^|;]*\b2>`), nil, "5.1 makes the first line of a redirected standard error a terminating error (PowerShell#3996): use Invoke-Program, or leave it alone"},
	{"message-text", regexp.MustCompile(`(?i)(Exception\.Message|"\$_")\s*-(c|i)?(match|like|eq|notlike|notmatch)\s*['"][^'"]*[A-Za-z]{3}`), nil, "messages are in Windows' language: go by types, codes and ids"},
	{"display-name", regexp.MustCompile(`(?i)-(DisplayName|DisplayGroup|Group)\s+['"]?[A-Z][a-z]`), nil, "names that Windows shows are in its language: go by Name, SID or @resource"},
	{"group-name", regexp.MustCompile(`(?i)['"](BUILTIN\\)?(Administrators|Everyone|Users|NT AUTHORITY\\[A-Z]+)['"]`), nil, "names of groups and accounts are in Windows' language: use SIDs"},
	{"sleepless-poll", regexp.MustCompile(`(?i)\btimeout(\.exe)?\s+/t`), nil, "timeout.exe needs a console; use Start-Sleep"},
	{"last-boot", regexp.MustCompile(`(?i)LastBootUpTime`), nil, "a clock step moves it; use Get-Boot"},
	{"lasting-key", regexp.MustCompile(`\bCreateSubKey\(`), regexp.MustCompile(`RegistryOptions\]::Volatile`), "a key that outlives its boot tells no restart; New-Item makes one that shall last"},
	{"certificate-key", regexp.MustCompile(`(?i)\bRemove-Item\b.*\bCert:`), regexp.MustCompile(`(?i)-DeleteKey\b`), "the certificate goes, and its private key stays in every clone: add -DeleteKey"},
	{"real-path", regexp.MustCompile(`(?i)-(Path|LiteralPath|Destination|FilePath)\s+(("?\$\(?\$?[\w.]*|\([^()]*\))\.FullName\b|"?\$(PSCommandPath|MyInvocation)\b)`), nil, "on Windows a test's drive C: is a folder of the real one, and a full name, resolved on it, another file: build the path from $env:SystemRoot and Name"},
	{"alias", regexp.MustCompile(`(?i)(\|\s*|^\s*)(\?|%)\s*\{`), nil, "write Where-Object and ForEach-Object out"},
}

// operationRules hold for what Operations are made of.
var operationRules = []rule{
	{"exit", regexp.MustCompile(`(?im)^\s*exit\b`), nil, "it ends the launcher before its result line"},
	{"json", regexp.MustCompile(`(?i)\bConvertTo-Json\b`), nil, "the launcher writes the one JSON object"},
	{"console", regexp.MustCompile(`(?i)\[Console\]::`), nil, "the launcher alone writes to standard output"},
	{"console-in", regexp.MustCompile(`(?i)\bRead-Host\b`), nil, "nobody is there to answer"},
}

var allowed = regexp.MustCompile(`#\s*lint: allow (\S+) \S+`)

// lint gives "line: rule: why" for each finding.
func lint(text string, rules []rule) []string {
	var found []string
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		code := line
		if at := strings.Index(code, "# "); at >= 0 && strings.TrimSpace(code[:at]) == "" {
			code = ""
		}
		for _, r := range rules {
			if !r.found.MatchString(code) || r.but != nil && r.but.MatchString(code) {
				continue
			}
			var excused bool
			for _, l := range lines[max(0, i-1) : i+1] {
				if m := allowed.FindStringSubmatch(l); m != nil && m[1] == r.name {
					excused = true
				}
			}
			if !excused {
				found = append(found, strings.TrimSpace(line)+": "+r.name+": "+r.why)
			}
		}
	}
	return found
}

func TestScriptLint(t *testing.T) {
	root := filepath.Join("..", "..")
	var n int
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (slices.Contains([]string{"testdata", ".git", "bin", "dist"}, d.Name()) || strings.HasSuffix(path, filepath.Join("internal", "standin"))) {
			return filepath.SkipDir
		}
		if !strings.EqualFold(filepath.Ext(path), ".ps1") {
			return nil
		}
		n++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, f := range lint(string(text), rules) {
			if strings.Contains(f, ": endless-loop: ") && filepath.Base(path) == "upload.ps1" {
				continue // it reads standard input to its end, and has no room for a comment
			}
			t.Errorf("%s: %s", path, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 20 {
		t.Errorf("only %d scripts were found", n)
	}
}

func TestOperationLint(t *testing.T) {
	for _, o := range Operations() {
		for _, f := range lint(o.Script, operationRules) {
			t.Errorf("%s: %s", o.Name, f)
		}
		if !strings.Contains(strings.TrimPrefix(o.Script, script("prelude")), "Complete-Operation") {
			t.Errorf("%s has no result", o.Name)
		}
		for i, r := range o.Script {
			if r > 0x7e {
				t.Errorf("%s holds %q at %d: 5.1 reads a file without BOM by the code page", o.Name, r, i)
				break
			}
		}
	}
}

func TestLintFinds(t *testing.T) {
	for name, line := range map[string]string{
		"wmic":               `& wmic.exe os get caption`,
		"write-host":         `Write-Host $result`,
		"web-request":        `Invoke-WebRequest -Uri $u -OutFile $f`,
		"endless-loop":       `while ($true) { Start-Sleep 1 }`,
		"wait-for-exit":      `$p.WaitForExit()`,
		"start-process-wait": `Start-Process -FilePath $f -Wait -PassThru`,
		"start-process-code": `Start-Process -FilePath $f -PassThru -NoNewWindow`,
		"wait-process":       `Wait-Process -Id $id`,
		"native-text":        `if ((sc.exe query x) -match 'RUNNING') { }`,
		"native-stderr":      `& logoff.exe console 2>&1 | Out-Null`,
		"message-text":       `if ($_.Exception.Message -like '*not found*') { }`,
		"display-name":       `Get-NetFirewallRule -DisplayGroup 'Remote Desktop'`,
		"group-name":         `Add-LocalGroupMember -Group 'Administrators' -Member $u`,
		"sleepless-poll":     `timeout /t 5`,
		"last-boot":          `(Get-CimInstance Win32_OperatingSystem).LastBootUpTime`,
		"lasting-key":        `$k = $hive.CreateSubKey('SOFTWARE\x', $check, [Microsoft.Win32.RegistryOptions]::None)`,
		"certificate-key":    `Remove-Item -LiteralPath "Cert:\LocalMachine\My\$t" -Force`,
		"real-path":          `Remove-Item -LiteralPath $f.FullName -Force`,
		"alias":              `$x | ? { $_ }`,
		"exit":               `exit 3`,
		"json":               `$r | ConvertTo-Json`,
		"console":            `[Console]::Out.WriteLine('x')`,
		"console-in":         `$x = Read-Host`,
	} {
		found := lint(line, append(slices.Clone(rules), operationRules...))
		if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, ": "+name+": ") }) {
			t.Errorf("%s is not found in %s: %v", name, line, found)
		}
		if left := lint("# lint: allow "+name+" for this test\n"+line, append(slices.Clone(rules), operationRules...)); len(left) != len(found)-1 {
			t.Errorf("%s is not excused: %v", name, left)
		}
	}
}
