package guest

import "time"

// TaskStartParameters describe an operation to be run detached, as LocalSystem.
type TaskStartParameters struct {
	// ID names the task: a second start with the same id is refused while it
	// exists, so a lost answer can be asked for again.
	ID string `json:"id"`
	// Operation, Parameters (JSON) and Script are those of the operation.
	Operation  string `json:"operation"`
	Parameters string `json:"parameters"`
	Script     string `json:"script"`
	// Launcher is the launcher's text, which the task runs from a file.
	Launcher string `json:"launcher"`
	// TimeoutSeconds after which the task scheduler ends it.
	TimeoutSeconds int `json:"timeout_seconds"`
}

// TaskStartResult says that the task runs.
type TaskStartResult struct {
	// Existing is true when a task of this id was there already, and was left
	// as it is.
	Existing bool   `json:"existing"`
	Folder   string `json:"folder"` // C:\ProgramData\wintemplate\tasks\<id>
}

// TaskStart registers and starts a SYSTEM task, and returns at once.
var TaskStart = define[TaskStartParameters, TaskStartResult]("task.start", 3*time.Minute, true, "task-start")

// TaskParameters name a task.
type TaskParameters struct {
	ID string `json:"id"`
}

// States of a task.
const (
	TaskAbsent  = "absent"  // no such task
	TaskRunning = "running" // it runs
	TaskDone    = "done"    // Envelope holds its answer
	TaskLost    = "lost"    // it neither runs nor has answered: ended, or the machine restarted
)

// TaskStatusResult tells how a task stands.
type TaskStatusResult struct {
	State string `json:"state"`
	// Stage is the last stage that the operation entered; may be empty.
	Stage string `json:"stage"`
	// Envelope is the operation's answer, an Envelope as JSON; empty until Done.
	Envelope string `json:"envelope"`
	BootID   string `json:"boot_id"`
	// LastResult is the task scheduler's code, for messages.
	LastResult int64 `json:"last_result"`
}

// TaskStatus tells how a task stands.
var TaskStatus = define[TaskParameters, TaskStatusResult]("task.status", 2*time.Minute, true, "task-status")

// TaskRelease lets a task go on that waits for it: the seal, once sealed, waits
// so that its success can be told before the connection is closed.
var TaskRelease = define[TaskParameters, None]("task.release", 2*time.Minute, true, "task-release")

// TaskRemove unregisters a finished task and deletes its folder.
var TaskRemove = define[TaskParameters, None]("task.remove", 2*time.Minute, true, "task-remove")
