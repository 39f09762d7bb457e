// Command standin-media makes the stand-in's media: an installation ISO, a
// drivers ISO and CloudbaseInitSetup_x64.msi. They imitate Microsoft's and
// the virtio-win project's and contain no code of either.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/discs"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "standin-media:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	flags := flag.NewFlagSet("standin-media", flag.ContinueOnError)
	out := flags.String("out", "", "directory for install.iso, virtio-win.iso and CloudbaseInitSetup_x64.msi")
	product := flags.String("product", string(discs.Server2022), fmt.Sprintf("Windows release to imitate, one of %v", discs.Products()))
	language := flags.String("language", "en-US", "language of the medium: en-US or ko-KR")
	faults := flags.String("faults", "", "JSON object of defects that the guest is to show (see windows.Faults)")
	cache := flags.String("cache", "", "directory for kernel and finished discs (default: the user's cache directory)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" {
		return fmt.Errorf("-out: the directory for the media is missing")
	}
	var f windows.Faults
	if *faults != "" {
		if err := json.Unmarshal([]byte(*faults), &f); err != nil {
			return fmt.Errorf("-faults: %w", err)
		}
	}
	set, err := discs.Make(ctx, discs.Options{
		Product: discs.Product(*product), Language: *language, Faults: f, CacheDir: *cache,
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for name, from := range map[string]string{
		"install.iso":                set.InstallISO,
		"virtio-win.iso":             set.DriversISO,
		"CloudbaseInitSetup_x64.msi": set.CloudbaseInstaller,
	} {
		if err := place(from, filepath.Join(*out, name)); err != nil {
			return err
		}
	}
	return nil
}

// place hard-links or copies a cached file, so that the cache stays as it is
// when somebody replaces the copy.
func place(from, to string) error {
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
