package guest

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
)

// TestPrograms runs real programs, by the functions that every other test has
// replaced: one that ends at once has its exit code, and one that does not end
// is ended.
func TestPrograms(t *testing.T) {
	t.Parallel()
	ends, stays := `-File '/bin/sh' -Arguments '-c', '"exit 7"'`, `-File '/bin/sh' -Arguments '-c', '"exec sleep 60"'`
	if runtime.GOOS == "windows" {
		ends, stays = `-File 'cmd.exe' -Arguments '/d', '/c', 'exit 7'`, `-File 'ping.exe' -Arguments '-n', '60', '127.0.0.1'`
	}
	m := scripttest.New(t).Set(`Remove-Item -LiteralPath Alias:\Start-Program`)
	var out, errs bytes.Buffer
	if _, err := m.Script(t.Context(), script("prelude")+`
$codes = @(for ($i = 0; $i -lt 20; $i++) { Invoke-Program `+ends+` -TimeoutSeconds 60 })
"codes=$(@($codes | Select-Object -Unique) -join ',')"
try { Invoke-Program `+stays+` -TimeoutSeconds 1 } catch { "code=$($_.Exception.Data['code'])" }
`, strings.NewReader(""), &out, &errs); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"codes=7\n", "code=timeout\n"} {
		if said := strings.ReplaceAll(out.String(), "\r\n", "\n"); !strings.Contains(said, want) {
			t.Errorf("%q is not in %q\n%s", want, said, errs.String())
		}
	}
}

// TestResultAfterAnOpenLine: what a program writes to standard output ends
// where the result begins, and not always with its line.
func TestResultAfterAnOpenLine(t *testing.T) {
	t.Parallel()
	request := EncodeRequest(Request{Operation: "x", Parameters: []byte("{}"), Script: script("prelude") + "[Console]::Out.Write('DISKPART> ')\nComplete-Operation"})
	var out, errs bytes.Buffer
	if _, err := scripttest.New(t).Run(t.Context(), Launcher(), bytes.NewReader(request), &out, &errs); err != nil {
		t.Fatal(err)
	}
	if e, err := DecodeResult(out.Bytes()); err != nil || !e.OK {
		t.Errorf("%+v, %v: %q\n%s", e, err, out.String(), errs.String())
	}
}

// TestRemoveTree: a folder that is not empty yet is removed once it is, and one
// that stays is told.
func TestRemoveTree(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t).Set(`
$global:Held = 3
New-Stub Remove-Item {
    if ($global:Held-- -gt 0) { throw (New-Object -TypeName System.IO.IOException -ArgumentList 'The directory is not empty.') }
    Add-Record $env:WT_BEACONS "removed $LiteralPath"
}
Set-File 'C:\x\y'`)
	var out, errs bytes.Buffer
	if _, err := m.Script(t.Context(), script("prelude")+`
Remove-Tree -Path 'C:\x'
Remove-Tree -Path 'C:\nowhere'
$global:Held = 100
try { Remove-Tree -Path 'C:\x' } catch { "$_" }
"left=$global:Held"
`, strings.NewReader(""), &out, &errs); err != nil {
		t.Fatal(err)
	}
	if b := m.Beacons(t); len(b) != 1 || b[0] != `removed C:\x` || len(m.Calls(t, "Start-Sleep")) != 13 {
		t.Errorf("%q, slept %d times\n%s", b, len(m.Calls(t, "Start-Sleep")), errs.String())
	}
	if said := out.String(); !strings.Contains(said, "not empty") || !strings.Contains(said, "left=89") {
		t.Errorf("%q", said)
	}
}
