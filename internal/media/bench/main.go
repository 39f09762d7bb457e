// Command bench measures what patching a Windows installation disc costs,
// against extracting and rebuilding it, side by side in one run: 7z and
// genisoimage -udf on the same disc with the same files added. It prints ratios,
// and fails when one is below its target.
//
// Everything that is written is synced to the disk; the page cache is dropped
// before each measurement when it runs as root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func main() {
	size := flag.Int64("size", 4400, "size of the disc's install.wim in MiB; the default makes a disc as large as the evaluation ISO of Server 2022")
	rounds := flag.Int("rounds", 2, "rounds; the best of them counts, on both sides")
	dir := flag.String("dir", "", "folder to work in, with four times the size free (default: a temporary one)")
	flag.Parse()
	if err := run(*dir, *size<<20, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench media:", err)
		os.Exit(1)
	}
}

func run(dir string, size int64, rounds int) error {
	for tool, debian := range map[string]string{"7z": "p7zip-full", "genisoimage": "genisoimage"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed; it is in Debian's package %s", tool, debian)
		}
	}
	work, err := os.MkdirTemp(dir, "bench-media-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &bench{dir: work, rounds: rounds}
	if err := b.prepare(context.Background(), size); err != nil {
		return err
	}
	for _, measure := range []func() error{b.overlay, b.reading, b.remote, b.memory} {
		if err := measure(); err != nil {
			return err
		}
	}
	return errors.Join(b.missed...)
}

type bench struct {
	dir    string
	rounds int
	disc   string
	added  string // folder of the files to add
	missed []error
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// report prints a ratio; what is short of its target fails the run.
func (b *bench) report(name string, ratio, target float64, format string, args ...any) {
	fmt.Printf("media/%s: %s\n", name, fmt.Sprintf(format, args...))
	fmt.Printf("bench media/%s: %.1f x (target >= %g)\n", name, ratio, target)
	if ratio < target {
		b.missed = append(b.missed, fmt.Errorf("%s missed its target", name))
	}
}

// best measures n times, each after before, and gives the shortest: what else
// the machine does only ever adds.
func best(n int, before func(), do func() error) (time.Duration, error) {
	shortest := time.Duration(math.MaxInt64)
	for range n {
		if before != nil {
			before()
		}
		began := time.Now()
		if err := do(); err != nil {
			return 0, err
		}
		shortest = min(shortest, time.Since(began))
	}
	return shortest, nil
}

// dropCaches empties the page cache, where that is allowed.
func dropCaches() {
	_ = exec.Command("sync").Run()
	_ = os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o600)
}
