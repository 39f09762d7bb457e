// Package discs makes the stand-in's media: a Windows-like installation
// disc, a virtio-win-like driver disc and a cloudbase-init installer.
package discs

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/debian"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
)

// Product is a Windows release that the maker can imitate.
type Product string

// The products whose media can be made.
const (
	Server2022 Product = "2022"
	Server2025 Product = "2025"
	// Windows11 is a retail medium of several editions, Windows11Eval the
	// evaluation of Enterprise; both are 24H2.
	Windows11     Product = "11"
	Windows11Eval Product = "11-eval"
)

// Products lists what can be made.
func Products() []Product { return []Product{Server2022, Server2025, Windows11, Windows11Eval} }

func (p Product) client() bool { return p == Windows11 || p == Windows11Eval }

// Options choose the media. The zero value is Server 2022 in English.
type Options struct {
	Product  Product        // Server2022 when empty
	Language string         // "en-US" when empty, or "ko-KR"
	Faults   windows.Faults // defects the guest is to show
	// OmitDrivers leaves driver folders out of the driver disc, for example
	// "viostor/2k22".
	OmitDrivers []string
	// CacheDir keeps finished discs; the user's cache directory when empty.
	CacheDir string
}

func (o Options) withDefaults() (Options, error) {
	if o.Product == "" {
		o.Product = Server2022
	}
	if !slices.Contains(Products(), o.Product) {
		return o, fmt.Errorf("product %q is none of %v", o.Product, Products())
	}
	if o.Language == "" {
		o.Language = "en-US"
	}
	if o.Language != "en-US" && o.Language != "ko-KR" {
		return o, fmt.Errorf("language %q: en-US or ko-KR", o.Language)
	}
	if o.CacheDir == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return o, fmt.Errorf("no cache directory: %w", err)
		}
		o.CacheDir = filepath.Join(dir, "packer-plugin-wintemplate", "standin")
	}
	return o, nil
}

// Set names the files that were made. All are absolute paths into the cache:
// copy them before changing one.
type Set struct {
	InstallISO         string
	DriversISO         string
	CloudbaseInstaller string // CloudbaseInitSetup_x64.msi
	// Kernel and Initrd boot the guest directly, without firmware or GRUB.
	Kernel, Initrd string
}

// sources are part of the cache's key: a changed maker makes new media.
//
//go:embed *.go
var sources embed.FS

// Make returns the media for the options, from the cache when they are there.
// It runs Debian's own tools and needs no privileges; the first call downloads
// the distribution's kernel package.
func Make(ctx context.Context, o Options) (*Set, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.CacheDir, err = filepath.Abs(o.CacheDir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.CacheDir, 0o755); err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(o.CacheDir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	k, err := debian.FetchKernel(ctx)
	if err != nil {
		return nil, fmt.Errorf("kernel for the stand-in: %w", err)
	}
	work, err := os.MkdirTemp(o.CacheDir, "work-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	init, err := buildInit(ctx, work)
	if err != nil {
		return nil, fmt.Errorf("guest program: %w", err)
	}
	key, err := cacheKey(o, k, init)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.CacheDir, key)
	set := &Set{
		InstallISO:         filepath.Join(dir, "install.iso"),
		DriversISO:         filepath.Join(dir, "virtio-win.iso"),
		CloudbaseInstaller: filepath.Join(dir, "CloudbaseInitSetup_x64.msi"),
		Kernel:             k.Image,
		Initrd:             filepath.Join(dir, "initrd.img"),
	}
	if isPresent(dir) {
		now := time.Now()
		return set, os.Chtimes(dir, now, now)
	}
	prune(o.CacheDir)
	partial := filepath.Join(work, "set")
	if err := os.Mkdir(partial, 0o755); err != nil {
		return nil, err
	}
	if err := makeSet(ctx, o, k, init, work, partial); err != nil {
		return nil, err
	}
	return set, os.Rename(partial, dir)
}

func makeSet(ctx context.Context, o Options, k debian.Kernel, init []byte, work, out string) error {
	initrd, err := buildInitramfs(ctx, k, init)
	if err != nil {
		return fmt.Errorf("initramfs: %w", err)
	}
	if err := os.WriteFile(filepath.Join(out, "initrd.img"), initrd, 0o644); err != nil {
		return err
	}
	if err := writeInstallISO(ctx, filepath.Join(out, "install.iso"), work, o, k, initrd); err != nil {
		return fmt.Errorf("installation disc: %w", err)
	}
	if err := writeDriversISO(ctx, filepath.Join(out, "virtio-win.iso"), work, o); err != nil {
		return fmt.Errorf("drivers disc: %w", err)
	}
	msi, err := buildMSI(ctx, work, "Cloudbase-Init 1.1.8", "1.1.8")
	if err != nil {
		return fmt.Errorf("cloudbase-init installer: %w", err)
	}
	return os.WriteFile(filepath.Join(out, "CloudbaseInitSetup_x64.msi"), msi, 0o644)
}

// buildInit compiles PID 1: static, so that the initramfs needs no libraries
// for it.
func buildInit(ctx context.Context, work string) ([]byte, error) {
	out := filepath.Join(work, "init")
	env := append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
	if _, err := toolEnv(ctx, "", env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid=", "-o", out,
		"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/cmd/standin-init"); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
}

// cacheKey names the media by everything they are made from.
func cacheKey(o Options, k debian.Kernel, init []byte) (string, error) {
	sum := sha256.New()
	o.CacheDir = ""
	if err := json.NewEncoder(sum).Encode(struct {
		Options Options
		Kernel  string
	}{o, k.Version}); err != nil {
		return "", err
	}
	sum.Write(init)
	if err := hashSources(sum); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil))[:24], nil
}

func hashSources(sum hash.Hash) error {
	entries, err := sources.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		body, err := sources.ReadFile(e.Name())
		if err != nil {
			return err
		}
		sum.Write(body)
	}
	return nil
}

// unused is how long media stay in the cache after their last use.
const unused = 48 * time.Hour

// prune removes media that nobody has used for long. What cannot be removed
// stays: it is only a cache.
func prune(cache string) {
	sets, _ := filepath.Glob(filepath.Join(cache, "*", "install.iso"))
	for _, iso := range sets {
		dir := filepath.Dir(iso)
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > unused {
			_ = os.RemoveAll(dir)
		}
	}
}

func isPresent(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
