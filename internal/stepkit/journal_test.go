package stepkit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// world stands for the things that a build creates.
type world map[string]bool

func (w world) remover() Remover {
	return func(_ context.Context, e Entry) error {
		if !w[e.Name] {
			return nil // already gone is a success
		}
		if e.Parent == "stuck" {
			return errors.New("it is in use")
		}
		delete(w, e.Name)
		return nil
	}
}

func open(t *testing.T, dir, build string) *Journal {
	t.Helper()
	j, err := OpenJournal(dir, build)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func record(t *testing.T, j *Journal, step string, e Entry) Mark {
	t.Helper()
	m, err := j.Record(step, e)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// die ends the journal as a kill does: the lock goes, nothing more is written.
func die(t *testing.T, j *Journal) {
	t.Helper()
	if err := errors.Join(j.file.Close(), j.lock.Unlock()); err != nil {
		t.Fatal(err)
	}
}

func TestJournalIsOnDiskBeforeTheThingIs(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, "b")
	record(t, j, "stepMainDisk", Entry{Kind: "volume", Name: "disk.qcow2", Remedy: "virsh vol-delete disk.qcow2"})
	data, err := os.ReadFile(filepath.Join(dir, "b.jsonl"))
	if err != nil || !strings.Contains(string(data), `"name":"disk.qcow2"`) || !strings.HasSuffix(string(data), "\n") {
		t.Errorf("the file holds %q, %v", data, err)
	}
}

func TestTakeBackGoesBackwardsAndKeepsWhatFails(t *testing.T) {
	j := open(t, t.TempDir(), "b")
	var order []string
	w := world{"a": true, "b": true, "c": true, "other": true}
	remove := w.remover()
	j.Handle("volume", func(ctx context.Context, e Entry) error {
		order = append(order, e.Name)
		return remove(ctx, e)
	})
	record(t, j, "one", Entry{Kind: "volume", Name: "a"})
	record(t, j, "one", Entry{Kind: "volume", Name: "b", Parent: "stuck", Remedy: "rm b"})
	record(t, j, "one", Entry{Kind: "volume", Name: "c"})
	record(t, j, "two", Entry{Kind: "volume", Name: "other"})

	err := j.takeBack(t.Context(), "one", everything)
	if err == nil || !strings.Contains(err.Error(), "it is in use; remove it with: rm b") {
		t.Errorf("error is %v", err)
	}
	if d := cmp.Diff([]string{"c", "b", "a"}, order); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(world{"b": true, "other": true}, w); d != "" {
		t.Error(d)
	}
	var live []string
	for _, e := range j.Live() {
		live = append(live, e.Name)
	}
	if d := cmp.Diff([]string{"b", "other"}, live); d != "" {
		t.Error(d)
	}
}

func TestUnknownKindIsNamedWithItsRemedy(t *testing.T) {
	j := open(t, t.TempDir(), "b")
	record(t, j, "one", Entry{Kind: "domain", Name: "ws2022", Remedy: "virsh undefine ws2022"})
	err := j.takeBack(t.Context(), "one", everything)
	if err == nil || !strings.Contains(err.Error(), "domain ws2022") || !strings.Contains(err.Error(), "virsh undefine ws2022") {
		t.Errorf("error is %v", err)
	}
}

func TestCloseRemovesAnEmptyJournal(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, "b")
	m := record(t, j, "one", Entry{Kind: "volume", Name: "kept.iso"})
	if err := j.Forget(m); err != nil {
		t.Fatal(err)
	}
	left, err := j.Close()
	if err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("files left: %v", entries)
	}
	if _, err := j.Record("one", Entry{}); err == nil {
		t.Error("a closed journal takes an entry")
	}
}

// TestFullDiskDoesNotStopTheCleanUp: nothing can be written any more, and yet
// everything goes, the journal too.
func TestFullDiskDoesNotStopTheCleanUp(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, "b")
	w := world{"a": true}
	j.Handle("volume", w.remover())
	record(t, j, "one", Entry{Kind: "volume", Name: "a"})
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.file.Close(); err != nil {
		t.Fatal(err)
	}
	j.file = full
	if err := j.takeBack(t.Context(), "one", everything); err != nil {
		t.Error(err)
	}
	if left, err := j.Close(); err != nil || len(left) > 0 || len(w) > 0 {
		t.Errorf("left %v, %v, %v", left, w, err)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("files left: %v", files)
	}
}

func TestTwoBuildsOfOneName(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, "b")
	if _, err := OpenJournal(dir, "b"); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second journal: %v", err)
	}
}

func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	entry := func(name string) Entry { return Entry{Kind: "volume", Name: name, Remedy: "rm " + name} }

	alive := open(t, dir, "alive")
	record(t, alive, "one", entry("used"))

	killed := open(t, dir, "killed")
	record(t, killed, "one", entry("gone"))
	m := record(t, killed, "one", entry("kept"))
	record(t, killed, "two", entry("left1"))
	record(t, killed, "two", entry("left2"))
	killed.Handle("volume", world{}.remover())
	if err := errors.Join(killed.Forget(m), killed.strike(1, "gone")); err != nil {
		t.Fatal(err)
	}
	die(t, killed)

	aborted := open(t, dir, "aborted")
	record(t, aborted, "one", entry("wanted"))
	if left, err := aborted.Close(); err != nil || len(left) != 1 {
		t.Fatal(left, err)
	}

	found, err := Leftovers(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 {
		t.Fatalf("found %d leftovers, want those of the killed and the aborted build", len(found))
	}
	for _, l := range found {
		names := ""
		for _, e := range l.Entries {
			names += e.Name + " "
		}
		switch l.Build {
		case "killed":
			if names != "left1 left2 " || l.Deliberate {
				t.Errorf("killed: %q, deliberate %v", names, l.Deliberate)
			}
		case "aborted":
			if names != "wanted " || !l.Deliberate {
				t.Errorf("aborted: %q, deliberate %v", names, l.Deliberate)
			}
		default:
			t.Errorf("build %q is not dead", l.Build)
		}
	}

	// While one build looks, another must not.
	if again, err := Leftovers(dir); err != nil || len(again) != 0 {
		t.Errorf("second look: %d, %v", len(again), err)
	}

	w := world{"left1": true, "left2": true, "used": true, "wanted": true}
	for _, l := range found {
		if l.Build == "killed" {
			if err := l.Remove(t.Context(), map[string]Remover{"volume": w.remover()}); err != nil {
				t.Error(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff(world{"used": true, "wanted": true}, w); d != "" {
		t.Error(d)
	}
	// Looking at it did not turn an aborted build into anything else, and the
	// killed one is gone for good.
	found, err = Leftovers(dir)
	if err != nil || len(found) != 1 || found[0].Build != "aborted" || !found[0].Deliberate {
		t.Errorf("afterwards: %v, %v", found, err)
	}
}

func TestJournalCutShort(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, "b")
	record(t, j, "one", Entry{Kind: "volume", Name: "left"})
	if _, err := j.file.WriteString(`{"op":"create","mark":2,"entry":{"kind":"vol`); err != nil {
		t.Fatal(err)
	}
	die(t, j)
	found, err := Leftovers(dir)
	if err != nil || len(found) != 1 || len(found[0].Entries) != 1 {
		t.Fatalf("found %v, %v", found, err)
	}
}

func TestJournalThatIsNone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.jsonl"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := open(t, dir, "good")
	record(t, j, "one", Entry{Kind: "volume", Name: "left"})
	die(t, j)
	found, err := Leftovers(dir)
	if err == nil || !strings.Contains(err.Error(), "x.jsonl") {
		t.Errorf("error is %v", err)
	}
	if len(found) != 1 {
		t.Errorf("a broken file hides the others: %v", found)
	}
	if found, err := Leftovers(filepath.Join(dir, "nowhere")); found != nil || err != nil {
		t.Errorf("no folder: %v, %v", found, err)
	}
}
