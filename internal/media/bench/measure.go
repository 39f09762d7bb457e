package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/httprange"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

func bytesReader(b []byte) io.Reader { return bytes.NewReader(b) }

// plan opens a disc and plans the full patch.
func (b *bench) plan(path string) (*media.Plan, io.Closer, error) {
	image, closer, err := media.OpenFile(path)
	if err != nil {
		return nil, nil, err
	}
	edit := image.Edit()
	if err := edit.AddFS(".", os.DirFS(b.added)); err != nil {
		return nil, closer, err
	}
	if err := edit.NoPromptUEFI(); err != nil {
		return nil, closer, err
	}
	plan, err := edit.Plan(media.Options{})
	return plan, closer, err
}

// writeOverlay does the whole job: open, plan, write, sync.
func (b *bench) writeOverlay(path, out string) error {
	plan, closer, err := b.plan(path)
	if err != nil {
		return err
	}
	defer closer.Close()
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := plan.WriteQcow2(f, path); err != nil {
		return err
	}
	return f.Sync()
}

// tool runs a tool quietly and syncs what it wrote.
func tool(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

func syncFiles() error { return exec.Command("sync").Run() }

// extractAndRebuild does the job as it is done without this package.
func (b *bench) extractAndRebuild(tree, out string) error {
	if err := tool("7z", "x", "-y", "-o"+tree, b.disc); err != nil {
		return err
	}
	if err := tool("cp", "-r", b.added+"/.", tree); err != nil {
		return err
	}
	err := tool("genisoimage", "-quiet", "-udf", "-iso-level", "3", "-allow-limited-size", "-V", "REBUILT",
		"-b", "boot/etfsboot.com", "-no-emul-boot", "-boot-load-size", "8",
		"-eltorito-alt-boot", "-e", "efi/microsoft/boot/efisys_noprompt.bin", "-no-emul-boot", "-o", out, tree)
	if err != nil {
		return err
	}
	return syncFiles()
}

// overlay takes turns, so that both sides meet the same moods of the machine;
// the shorter job more often than the longer ones.
func (b *bench) overlay() error {
	tree, rebuilt := b.path("tree"), b.path("rebuilt.iso")
	clean := func() {
		_ = os.RemoveAll(tree)
		_ = os.Remove(rebuilt)
		dropCaches()
	}
	shortest := map[string]time.Duration{}
	for range b.rounds {
		for _, job := range []struct {
			name  string
			times int
			do    func() error
		}{
			{"overlay", 5, func() error { return b.writeOverlay(b.disc, b.path("overlay.qcow2")) }},
			{"others", 1, func() error { return b.extractAndRebuild(tree, rebuilt) }},
			{"own", 1, func() error { return b.rebuild(b.path("own.iso")) }},
		} {
			took, err := best(job.times, clean, job.do)
			if err != nil {
				return err
			}
			if s, ok := shortest[job.name]; !ok || took < s {
				shortest[job.name] = took
			}
		}
	}
	others := shortest["others"]
	report := func(name, who string, took time.Duration, target float64) {
		b.report(name, float64(others)/float64(took), target, "7z and genisoimage %s, %s %s",
			others.Round(time.Millisecond), who, took.Round(time.Millisecond))
	}
	report("overlay", "overlay", shortest["overlay"], 70)
	report("rebuild", "own writer", shortest["own"], 1)
	return os.RemoveAll(tree)
}

// rebuild writes the edited disc anew, for discs that can't be patched.
func (b *bench) rebuild(out string) error {
	image, closer, err := media.OpenFile(b.disc)
	if err != nil {
		return err
	}
	defer closer.Close()
	edit := image.Edit()
	if err := edit.AddFS(".", os.DirFS(b.added)); err != nil {
		return err
	}
	if err := edit.NoPromptUEFI(); err != nil {
		return err
	}
	if err := edit.Rebuild(context.Background(), out); err != nil {
		return err
	}
	return syncFiles()
}

// budget is what planning, and what inspecting a warm disc, may take.
const (
	budget     = 10 * time.Millisecond
	byteBudget = 1_000_000
)

func (b *bench) reading() error {
	planning, err := best(20, nil, func() error {
		_, closer, err := b.plan(b.disc)
		if closer != nil {
			closer.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	b.report("plan", float64(budget)/float64(planning), 1, "planned in %s of %s", planning.Round(10*time.Microsecond), budget)
	var read int64
	inspecting, err := best(20, nil, func() error {
		f, err := os.Open(b.disc)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		r := &counter{ReaderAt: f}
		if err := inspect(r, info.Size()); err != nil {
			return err
		}
		read = r.n
		return nil
	})
	if err != nil {
		return err
	}
	b.report("inspect", float64(budget)/float64(inspecting), 1, "inspected in %s of %s", inspecting.Round(10*time.Microsecond), budget)
	b.report("inspect-bytes", byteBudget/float64(read), 1, "%d bytes read of %d", read, byteBudget)
	return nil
}

func inspect(r io.ReaderAt, size int64) error {
	image, err := media.Open(r, size)
	if err != nil {
		return err
	}
	_, err = image.Inspect()
	return err
}

type counter struct {
	io.ReaderAt
	n int64
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

func (b *bench) remote() error {
	server := httptest.NewServer(http.FileServer(http.Dir(b.dir)))
	defer server.Close()
	r, err := httprange.Open(context.Background(), nil, server.URL+"/"+filepath.Base(b.disc))
	if err != nil {
		return err
	}
	if err := inspect(r, r.Size()); err != nil {
		return err
	}
	n, requests := r.Transferred()
	b.report("http", byteBudget/float64(n), 1, "%d bytes transferred of %d, in %d requests", n, byteBudget, requests)
	return nil
}

// memory compares what the whole job allocates on the disc and on one several
// times as large, sparse.
func (b *bench) memory() error {
	large := b.path("large.iso")
	const size = 22 << 30
	spec := mediatest.Spec(mediatest.Server2022Eval(), media.DiscFile{Path: "sources/large.wim", Size: size, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(zeros{}, size)), nil
	}})
	for i := range 951 {
		spec.Files = append(spec.Files, noise(fmt.Sprintf("sources/replacement/component-%03d.dll", i), 3000, byte(i)))
	}
	if err := media.BuildDisc(context.Background(), large, spec); err != nil {
		return err
	}
	var used [2]uint64
	for i, disc := range []string{b.disc, large} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := b.writeOverlay(disc, b.path("overlay.qcow2")); err != nil {
			return err
		}
		runtime.ReadMemStats(&after)
		used[i] = after.TotalAlloc - before.TotalAlloc
	}
	b.report("memory", float64(used[0])/float64(used[1]), 0.8, "%.1f MB allocated in all, %.1f MB on a disc of %.0f GB",
		float64(used[0])/1e6, float64(used[1])/1e6, float64(size)/1e9)
	return nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
