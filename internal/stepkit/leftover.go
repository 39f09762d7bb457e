package stepkit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/packer-plugin-sdk/filelock"
)

// Leftover is the journal of a build that is no longer running and left
// something behind. Close it: it is locked as long as it is open.
type Leftover struct {
	// Build is the dead build's name.
	Build string
	// Started is when it began.
	Started time.Time
	// Deliberate says that the build ended by itself and left these things on
	// purpose (-on-error=abort) or after a clean-up that failed and said so. A
	// killed build never is.
	Deliberate bool
	// Entries are the things left, oldest first.
	Entries []Entry

	journal *Journal
}

// Leftovers returns the journals in dir whose builds are dead. Journals of
// running builds are locked and skipped; a folder that is not there means
// none. Files that can't be read are reported and do not hide the others.
func Leftovers(dir string) ([]*Leftover, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("journals in %s: %w", dir, err)
	}
	var (
		found    []*Leftover
		problems []error
	)
	for _, path := range paths {
		l, err := openLeftover(path)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if l != nil {
			found = append(found, l)
		}
	}
	return found, errors.Join(problems...)
}

func openLeftover(path string) (*Leftover, error) {
	lock := filelock.New(lockPath(path))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", path, err)
	}
	if !ok {
		return nil, nil // its build is running
	}
	l, err := readLeftover(path)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), lock.Unlock())
	}
	l.journal.file, l.journal.lock = file, lock
	if len(l.Entries) == 0 {
		return nil, l.Close()
	}
	return l, nil
}

// readLeftover replays a journal file. Its last line may be cut short: the
// build was killed while it wrote it, so what it names was not yet created.
func readLeftover(path string) (*Leftover, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	l := &Leftover{
		Build:   strings.TrimSuffix(filepath.Base(path), ".jsonl"),
		journal: &Journal{path: path, removers: map[string]Remover{}},
	}
	if end := bytes.LastIndexByte(data, '\n'); end >= 0 {
		data = data[:end+1]
	} else {
		data = nil
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var n line
		if err := json.Unmarshal(lines.Bytes(), &n); err != nil {
			return nil, fmt.Errorf("journal %s: %w", path, err)
		}
		if err := l.apply(n); err != nil {
			return nil, fmt.Errorf("journal %s: %w", path, err)
		}
	}
	l.Entries = l.journal.Live()
	return l, lines.Err()
}

func (l *Leftover) apply(n line) error {
	j := l.journal
	switch n.Op {
	case "open":
		if n.Version != journalVersion {
			return fmt.Errorf("is of version %d, this plugin writes version %d", n.Version, journalVersion)
		}
		l.Build, l.Started = n.Build, n.Started
	case "create":
		if n.Entry == nil {
			return errors.New("a create line without an entry")
		}
		j.live = append(j.live, n)
		j.next = n.Mark + 1
	case "gone", "kept":
		for i, have := range j.live {
			if have.Mark == n.Mark {
				j.live = append(j.live[:i:i], j.live[i+1:]...)
				break
			}
		}
	case "end":
		l.Deliberate = true
	}
	return nil
}

// Strike takes what is gone by now out of the list: a person may have removed it
// as they were told.
func (l *Leftover) Strike(gone func(Entry) bool) error {
	var problems []error
	for _, have := range append([]line(nil), l.journal.live...) {
		if gone(*have.Entry) {
			problems = append(problems, l.journal.strike(have.Mark, "gone"))
		}
	}
	l.Entries = l.journal.Live()
	return errors.Join(problems...)
}

// Remove removes what is left, newest first, with the remover of each kind. An
// entry that fails stays in the journal and is named in the error.
func (l *Leftover) Remove(ctx context.Context, removers map[string]Remover) error {
	j := l.journal
	for kind, remove := range removers {
		j.Handle(kind, remove)
	}
	var problems []error
	j.mu.Lock()
	todo := append([]line(nil), j.live...)
	j.mu.Unlock()
	for i := len(todo) - 1; i >= 0; i-- {
		if err := removeEntry(ctx, j.removers[todo[i].Entry.Kind], *todo[i].Entry); err != nil {
			problems = append(problems, err)
			continue
		}
		problems = append(problems, j.strike(todo[i].Mark, "gone"))
	}
	l.Entries = j.Live()
	return errors.Join(problems...)
}

// Close unlocks the journal, and deletes its file when nothing is left.
func (l *Leftover) Close() error {
	_, err := l.journal.close(false)
	return err
}
