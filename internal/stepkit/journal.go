package stepkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/filelock"
)

// Entry names one thing that a build creates outside its own memory.
type Entry struct {
	// Kind selects the function that removes it: "domain", "volume", "dir".
	Kind string `json:"kind"`
	// Host is where it lives, a libvirt URI; empty means this machine.
	Host string `json:"host,omitempty"`
	// Parent is what holds it there: a volume's pool.
	Parent string `json:"parent,omitempty"`
	// Name is its name or absolute path.
	Name string `json:"name"`
	// Files are what is this build's in a folder that others may use too.
	Files []string `json:"files,omitempty"`
	// UUID tells it from a namesake made by somebody else.
	UUID string `json:"uuid,omitempty"`
	// Remedy is the command with which a person removes it.
	Remedy string `json:"remedy"`
	// Result marks what the user wants to have: taken back only when the
	// build fails.
	Result bool `json:"result,omitempty"`
}

// String names the thing for a message.
func (e Entry) String() string {
	if e.Parent != "" {
		return fmt.Sprintf("%s %s in %s", e.Kind, e.Name, e.Parent)
	}
	return e.Kind + " " + e.Name
}

// Remover removes what an entry names. Something that is already gone is a
// success. It must respect ctx.
type Remover func(ctx context.Context, entry Entry) error

// Mark identifies an entry of this journal.
type Mark int

type filter func(Entry) bool

func everything(Entry) bool      { return true }
func exceptResults(e Entry) bool { return !e.Result }

// Journal is the list on disk of what this build has created and not yet
// removed. Each Record is synced to the disk before it returns. It is safe for
// concurrent use.
type Journal struct {
	path string
	lock locker

	mu       sync.Mutex
	file     *os.File
	next     Mark
	live     []line // in the order of creation
	removers map[string]Remover
}

type locker interface{ Unlock() error }

// line is one line of the journal file.
type line struct {
	Op string `json:"op"` // open | create | gone | kept | end

	// open
	Version int       `json:"version,omitempty"`
	Build   string    `json:"build,omitempty"`
	Started time.Time `json:"started,omitzero"`
	PID     int       `json:"pid,omitempty"`

	// create, gone, kept
	Mark  Mark   `json:"mark,omitempty"`
	Step  string `json:"step,omitempty"`
	Entry *Entry `json:"entry,omitempty"`
}

const journalVersion = 1

// OpenJournal starts the journal of one build in dir, which is made when it is
// absent. build must be unique: the VM's name with a random part. A lock file
// beside it tells later builds that this one is alive; the operating system
// drops the lock when the process dies, however it dies.
func OpenJournal(dir, build string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the build's journal: %w; is the folder writable? PACKER_CACHE_DIR moves it", err)
	}
	path := filepath.Join(dir, build+".jsonl")
	lock := filelock.New(lockPath(path))
	switch ok, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("the build's journal: lock %s: %w", lockPath(path), err)
	case !ok:
		return nil, fmt.Errorf("the build's journal %s is in use by another build", path)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the build's journal: %w", err), lock.Unlock())
	}
	j := &Journal{path: path, lock: lock, file: file, next: 1, removers: map[string]Remover{}}
	if err := j.append(line{Op: "open", Version: journalVersion, Build: build, Started: time.Now().UTC(), PID: os.Getpid()}); err != nil {
		err = fmt.Errorf("%w; PACKER_CACHE_DIR moves it", err)
		return nil, errors.Join(err, file.Close(), os.Remove(path), lock.Unlock(), os.Remove(lockPath(path)))
	}
	return j, nil
}

func lockPath(journal string) string { return journal + ".lock" }

// Path returns the journal's file.
func (j *Journal) Path() string { return j.path }

// Handle sets how entries of one kind are removed.
func (j *Journal) Handle(kind string, remove Remover) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.removers[kind] = remove
}

// Record writes that step is about to create entry, and syncs it. When it
// fails, nothing may be created.
func (j *Journal) Record(step string, entry Entry) (Mark, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := line{Op: "create", Mark: j.next, Step: step, Entry: &entry}
	if err := j.append(l); err != nil {
		return 0, err
	}
	j.next++
	j.live = append(j.live, l)
	return l.Mark, nil
}

// Forget strikes an entry that is meant to stay, or gone already.
func (j *Journal) Forget(mark Mark) error {
	return j.strike(mark, "kept")
}

// Live returns what is recorded and not yet removed, oldest first.
func (j *Journal) Live() []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	entries := make([]Entry, 0, len(j.live))
	for _, l := range j.live {
		entries = append(entries, *l.Entry)
	}
	return entries
}

// Close ends the journal. With nothing left its file disappears; otherwise the
// file stays, marked as ended on purpose (-on-error=abort, or a clean-up that
// failed), and the leftovers are returned for the user to read.
func (j *Journal) Close() ([]Entry, error) { return j.close(true) }

// close also serves a dead build's journal, which must not be marked as ended
// on purpose by whoever looked at it.
func (j *Journal) close(end bool) ([]Entry, error) {
	left := j.Live()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return left, nil
	}
	var problems []error
	if len(left) > 0 && end {
		problems = append(problems, j.append(line{Op: "end"}))
	}
	problems = append(problems, j.file.Close())
	j.file = nil
	if len(left) == 0 {
		problems = append(problems, os.Remove(j.path))
	}
	problems = append(problems, j.lock.Unlock())
	if len(left) == 0 {
		_ = os.Remove(lockPath(j.path)) // a later build takes an orphaned lock file for what it is
	}
	return left, errors.Join(problems...)
}

// takeBack removes the live entries of one step, newest first. One that fails
// stays recorded and does not keep the others.
func (j *Journal) takeBack(ctx context.Context, step string, which filter) error {
	j.mu.Lock()
	var todo []line
	for i := len(j.live) - 1; i >= 0; i-- {
		if j.live[i].Step == step {
			todo = append(todo, j.live[i])
		}
	}
	j.mu.Unlock()

	var problems []error
	for _, l := range todo {
		if !which(*l.Entry) {
			problems = append(problems, j.strike(l.Mark, "kept"))
			continue
		}
		j.mu.Lock()
		remove := j.removers[l.Entry.Kind]
		j.mu.Unlock()
		if err := removeEntry(ctx, remove, *l.Entry); err != nil {
			problems = append(problems, err)
			continue
		}
		// On a full disk the line may find no room. It is only missed by a build
		// that looks for it again and finds it gone.
		if err := j.strike(l.Mark, "gone"); err != nil {
			log.Printf("[WARN] %s is removed, but not struck from the list: %s", l.Entry, err)
		}
	}
	return errors.Join(problems...)
}

func removeEntry(ctx context.Context, remove Remover, e Entry) error {
	if remove == nil {
		return fmt.Errorf("%s is left: nothing here knows how to remove a %s; remove it with: %s", e, e.Kind, e.Remedy)
	}
	if err := remove(ctx, e); err != nil {
		return fmt.Errorf("%s is left: %w; remove it with: %s", e, err, e.Remedy)
	}
	return nil
}

func (j *Journal) strike(mark Mark, op string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, l := range j.live {
		if l.Mark == mark {
			j.live = append(j.live[:i:i], j.live[i+1:]...)
			return j.append(line{Op: op, Mark: mark})
		}
	}
	return nil
}

// append writes one line and syncs it; the caller holds mu (or owns j).
func (j *Journal) append(l line) error {
	if j.file == nil {
		return fmt.Errorf("the build's journal %s is closed", j.path)
	}
	data, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("the build's journal %s: %w", j.path, err)
	}
	if _, err := j.file.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("the build's journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("the build's journal: %w", err)
	}
	return nil
}
