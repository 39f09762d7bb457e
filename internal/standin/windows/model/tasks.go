package model

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/beacon"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

const tasksFolder = `ProgramData\wintemplate\tasks`

// task is a scheduled task of this start of Windows. One that a restart has
// cut off stays registered and has no result: it is lost.
type task struct {
	running bool
	account string // that it runs as; "" is LocalSystem
}

// taskID is what may stand in the name of a task and of a folder.
var taskID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

func (m *Model) taskStart(_ context.Context, _ caller, p guest.TaskStartParameters) (guest.TaskStartResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	folder := tasksFolder + `\` + p.ID
	r := guest.TaskStartResult{Folder: `C:\` + folder}
	if !taskID.MatchString(p.ID) {
		return r, false, failure("script", "no task can be called %q", p.ID)
	}
	if m.taskKnown(p.ID) {
		r.Existing = true
		return r, false, nil
	}
	if !strings.Contains(guest.Launcher(), encodeCommand(p.Launcher)) {
		return r, false, failure("standin", "the task's launcher is not internal/guest's; the stand-in runs no PowerShell")
	}
	if err := m.disk.remove(folder); err != nil {
		return r, false, err
	}
	if err := m.disk.write(folder+`\run.ps1`, []byte("# stand-in\r\n")); err != nil {
		return r, false, err
	}
	m.software.SetString(taskTreeKey+`\wintemplate-`+p.ID, "Id", p.ID)
	m.tasks[p.ID] = &task{running: true}
	go m.runTask(p, folder)
	return r, false, nil
}

// taskTreeKey is where the task scheduler keeps its tasks.
const taskTreeKey = `Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tree`

func (m *Model) taskKnown(id string) bool {
	return m.software.Open(taskTreeKey+`\wintemplate-`+id) != nil
}

func (m *Model) runTask(p guest.TaskStartParameters, folder string) {
	ctx := context.Background() // nobody waits for it
	e := m.answer(ctx, caller{system: true, task: folder}, guest.Request{
		Operation: p.Operation, Parameters: json.RawMessage(p.Parameters), Script: p.Script,
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.disk.exists(folder) { // a seal that has succeeded has removed it
		if err := m.disk.write(folder+`\result`, []byte(guest.EncodeResult(e))); err != nil {
			m.host.Logf("task %s: %v", p.ID, err)
		}
	}
	if t := m.tasks[p.ID]; t != nil {
		t.running = false
	}
}

func (m *Model) taskStatus(_ context.Context, _ caller, p guest.TaskParameters) (guest.TaskStatusResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	folder := tasksFolder + `\` + p.ID
	r := guest.TaskStatusResult{State: guest.TaskAbsent, BootID: m.bootID}
	if m.taskKnown(p.ID) {
		r.State = guest.TaskLost
		if t := m.tasks[p.ID]; t != nil && t.running {
			r.State, r.LastResult = guest.TaskRunning, 0x41301 // SCHED_S_TASK_RUNNING
		}
	}
	if b, err := m.disk.read(folder + `\stage`); err == nil {
		r.Stage = strings.TrimSpace(string(b))
	}
	if b, err := m.disk.read(folder + `\result`); err == nil {
		line := strings.TrimPrefix(strings.TrimSpace(string(b)), guest.ResultPrefix)
		text, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			return r, false, err
		}
		r.Envelope, r.State = string(text), guest.TaskDone
	}
	return r, false, nil
}

func (m *Model) taskRelease(_ context.Context, _ caller, p guest.TaskParameters) (guest.None, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	folder := tasksFolder + `\` + p.ID
	if !m.disk.exists(folder) {
		return guest.None{}, false, failure("not-found", "there is no task %s to release", p.ID)
	}
	return guest.None{}, false, m.disk.write(folder+`\release`, []byte("1\r\n"))
}

func (m *Model) taskRemove(_ context.Context, _ caller, p guest.TaskParameters) (guest.None, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tasks[p.ID]; t != nil && t.running {
		return guest.None{}, false, failure("running", "the task wintemplate-%s still runs", p.ID)
	}
	m.unregisterTask(p.ID)
	return guest.None{}, false, m.disk.remove(tasksFolder + `\` + p.ID)
}

// startAs starts a task that is one program and logs on as an account without a
// password, whatever its password has become.
func (m *Model) startAs(id, account string, program func()) error {
	k := m.account(account)
	if k == nil {
		// Register-ScheduledTask: "No mapping between account names and
		// security IDs was done" (1332).
		return failure("script", "no account is called %s", account)
	}
	m.software.SetString(taskTreeKey+`\wintemplate-`+id, "Id", id)
	t := &task{account: account}
	m.tasks[id] = t
	flags, _ := k.Number("", "Flags")
	administrator, _ := k.Number("", "Administrator")
	if flags&accountDisabled != 0 || administrator == 0 {
		return nil // the logon as a batch job is refused: it does not begin
	}
	t.running = true
	go func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		program()
		t.running = false
		m.unloads[strings.ToLower(account)] = time.Now().Add(profileTime)
	}()
	return nil
}

// profileTime is how long a profile stays loaded after the last that used it has
// gone; Windows takes up to a minute.
const profileTime = time.Second

// profileInUse says whether an account's profile is loaded.
func (m *Model) profileInUse(account string) bool {
	for _, t := range m.tasks {
		if t.running && strings.EqualFold(t.account, account) {
			return true
		}
	}
	return time.Now().Before(m.unloads[strings.ToLower(account)])
}

func (m *Model) unregisterTask(id string) {
	delete(m.tasks, id)
	m.software.Delete(taskTreeKey + `\wintemplate-` + id)
}

// enter tells a waiting session how far a task has come.
func (m *Model) enter(c caller, stage string) {
	if c.task == "" {
		return
	}
	if err := m.disk.write(c.task+`\stage`, []byte(stage+"\r\n")); err != nil {
		m.host.Logf("%s: %v", c.task, err)
	}
}

func (m *Model) beacon(stage string, state beacon.State, text string) {
	m.host.Beacon(beacon.Event{Stage: stage, State: state, Text: text})
}

// encodeCommand is the form in which -EncodedCommand carries a script.
func encodeCommand(script string) string {
	b := make([]byte, 0, 2*len(script))
	for _, r := range script { // the launcher is ASCII
		b = append(b, byte(r), byte(r>>8))
	}
	return base64.StdEncoding.EncodeToString(b)
}
