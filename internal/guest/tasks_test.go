package guest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/powershell"
)

func TestTaskStart(t *testing.T) {
	t.Parallel()
	m := scripttest.New(t)
	// Of a task of this id whose registration is gone: its result is not this one's.
	m.Put(t, `C:\ProgramData\wintemplate\tasks\seal-1\result`, "stale")
	p := guest.TaskStartParameters{ID: "seal-1", Operation: "facts", Parameters: `{"a":"한글 $x ` + "`" + `"}`, Script: guest.Facts.Script, Launcher: "# the launcher", TimeoutSeconds: 60}
	r, _ := do(t, guest.TaskStart, m, p)
	if r.Existing || r.Folder != `C:\ProgramData\wintemplate\tasks\seal-1` {
		t.Errorf("%+v", r)
	}
	lines := strings.Split(strings.TrimSpace(m.Get(t, r.Folder+`\request`)), "\n")
	if len(lines) != 3 {
		t.Fatalf("the request has %d lines", len(lines))
	}
	if b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(lines[1])); string(b) != p.Parameters {
		t.Errorf("parameters: %s", b)
	}
	run := m.Get(t, r.Folder+`\run.ps1`)
	for _, want := range []string{`$WintemplateTask = 'C:\ProgramData\wintemplate\tasks\seal-1'`, `$WintemplateRequest = `, `$WintemplateResult = `, "# the launcher"} {
		if !strings.Contains(run, want) {
			t.Errorf("run.ps1 lacks %s:\n%s", want, run)
		}
	}
	if c := m.Calls(t, "icacls.exe"); len(c) != 1 || !strings.Contains(c[0].String(), "/inheritance:r /grant:r *S-1-5-18:(OI)(CI)F *S-1-5-32-544:(OI)(CI)F") {
		t.Errorf("the folder is open to everybody: %v", c)
	}
	if c := m.Calls(t, "New-ScheduledTaskPrincipal"); len(c) != 1 || c[0].Parameters["UserId"] != "S-1-5-18" {
		t.Errorf("principal: %v", c)
	}
	if c := m.Calls(t, "New-ScheduledTaskSettingsSet"); len(c) != 1 || c[0].Parameters["Priority"] != float64(4) {
		t.Errorf("settings: %v", c)
	}
	if limits := m.TaskLimits(t); limits["wintemplate-seal-1"] != p.TimeoutSeconds {
		t.Errorf("the task scheduler ends the task after %v s, expected %d", limits, p.TimeoutSeconds)
	}
	if m.Has(r.Folder + `\result`) {
		t.Error("the result of an earlier task answers for this one")
	}
	if len(m.Calls(t, "New-ScheduledTaskTrigger")) > 0 || len(m.Calls(t, "Start-ScheduledTask")) != 1 {
		t.Error("the task was not started, or by a clock")
	}

	m = scripttest.New(t).Set(`$global:Tasks['wintemplate-seal-1'] = 'Running'`)
	if r, _ := do(t, guest.TaskStart, m, p); !r.Existing || len(m.Calls(t, "Register-ScheduledTask")) > 0 {
		t.Errorf("a second start: %+v", r)
	}
	if len(m.Calls(t, "Start-ScheduledTask")) > 0 {
		t.Error("a task that runs was started once more")
	}
	m = scripttest.New(t).Set(`$global:Tasks['wintemplate-seal-1'] = 'Ready'; New-Stub Get-ScheduledTaskInfo { [pscustomobject]@{ LastTaskResult = [uint32]267011 } }`)
	if r, _ := do(t, guest.TaskStart, m, p); !r.Existing || len(m.Calls(t, "Start-ScheduledTask")) != 1 {
		t.Errorf("registered, and never started: %+v", r)
	}
	fails(t, guest.TaskStart, scripttest.New(t).Set(`$global:Exit['icacls.exe'] = 5`), p, "acl")
}

// TestTaskAnswers runs a task's own file. Who looks meanwhile sees no half of
// its answer: it comes into the folder under its name whole.
func TestTaskAnswers(t *testing.T) {
	t.Parallel()
	_, encoded, _ := strings.Cut(guest.Launcher(), " -EncodedCommand ")
	launcher, err := powershell.Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	m := scripttest.New(t)
	p := guest.TaskStartParameters{ID: "x", Operation: "facts", Parameters: `{}`, Script: guest.Facts.Script, Launcher: launcher, TimeoutSeconds: 60}
	r, _ := do(t, guest.TaskStart, m, p)
	m.Set(`function global:Move-Item { param([string]$LiteralPath, [string]$Destination, [switch]$Force)
    Add-Record $env:WT_BEACONS "moved $(Split-Path -Path $Destination -Leaf), there before: $(Test-Path -LiteralPath $Destination)"
    Copy-Item -LiteralPath $LiteralPath -Destination $Destination
    Remove-Item -LiteralPath $LiteralPath
}`)
	var out bytes.Buffer
	if _, err := m.Script(t.Context(), "& ([ScriptBlock]::Create((Get-Content -LiteralPath '"+r.Folder+`\run.ps1' -Raw)))`, strings.NewReader(""), &out, &out); err != nil {
		t.Fatal(err)
	}
	if !m.Has(r.Folder+`\result`) || m.Has(r.Folder+`\result.new`) {
		t.Fatalf("the task left no answer: %s", &out)
	}
	if b := m.Beacons(t); !slices.Contains(b, "moved result, there before: False") {
		t.Errorf("the answer is written where it is read: %v", b)
	}
	if m.Has(r.Folder + `\request`) {
		t.Error("the request, which may hold a password, is left")
	}
	if strings.Contains(out.String(), "wintemplate-result:") {
		t.Errorf("the answer went to standard output: %s", &out)
	}
}

func TestTaskStatus(t *testing.T) {
	t.Parallel()
	const folder = `C:\ProgramData\wintemplate\tasks\x\`
	p := guest.TaskParameters{ID: "x"}
	r, _ := do(t, guest.TaskStatus, scripttest.New(t), p)
	if r.State != guest.TaskAbsent {
		t.Errorf("%+v", r)
	}
	r, _ = do(t, guest.TaskStatus, scripttest.New(t).Set(`$global:Tasks['wintemplate-x'] = 'Ready'`), p)
	if r.State != guest.TaskLost || r.LastResult != 267009 {
		t.Errorf("%+v", r)
	}
	m := scripttest.New(t).Set(`$global:Tasks['wintemplate-x'] = 'Running'`)
	m.Put(t, folder+"stage", "sysprep\r\n")
	r, _ = do(t, guest.TaskStatus, m, p)
	if r.State != guest.TaskRunning || r.Stage != "sysprep" || r.BootID != "boot-1" {
		t.Errorf("%+v", r)
	}
	m.Set(`function global:Get-Content { throw (New-Object System.IO.IOException -ArgumentList 'The process cannot access the file') }`)
	if r, _ = do(t, guest.TaskStatus, m, p); r.State != guest.TaskRunning || r.Stage != "" {
		t.Errorf("a stage that is being written: %+v", r)
	}
	m.Set(`Remove-Item Function:\Get-Content`)
	m.Put(t, folder+"result", guest.EncodeResult(guest.Envelope{OK: true, Result: json.RawMessage(`{"a":"日本語"}`), Reboot: true}))
	r, _ = do(t, guest.TaskStatus, m, p)
	if r.State != guest.TaskDone || r.Envelope != `{"ok":true,"result":{"a":"日本語"},"reboot":true}` {
		t.Errorf("%+v", r)
	}
}

func TestTaskReleaseAndRemove(t *testing.T) {
	t.Parallel()
	p := guest.TaskParameters{ID: "x"}
	m := scripttest.New(t)
	fails(t, guest.TaskRelease, m, p, "not-found")
	m.Put(t, `C:\ProgramData\wintemplate\tasks\x\stage`, "sealed")
	do(t, guest.TaskRelease, m, p)
	if !m.Has(`C:\ProgramData\wintemplate\tasks\x\release`) {
		t.Error("it was not released")
	}
	m.Set(`$global:Tasks['wintemplate-x'] = 'Ready'`)
	do(t, guest.TaskRemove, m, p)
	if m.Has(`C:\ProgramData\wintemplate\tasks\x`) || len(m.Calls(t, "Unregister-ScheduledTask")) != 1 {
		t.Error("it was not removed")
	}
	fails(t, guest.TaskRemove, scripttest.New(t).Set(`$global:Tasks['wintemplate-x'] = 'Running'`), p, "running")
	do(t, guest.TaskRemove, scripttest.New(t), p)
	m = scripttest.New(t).Set(`$global:Tasks['wintemplate-x'] = 'Running'; New-Stub Start-Sleep { $global:Tasks['wintemplate-x'] = 'Ready' }`)
	do(t, guest.TaskRemove, m, p)
	if len(m.Calls(t, "Unregister-ScheduledTask")) != 1 {
		t.Error("a task that was just about to end was left")
	}
}
