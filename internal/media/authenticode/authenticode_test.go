package authenticode_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/debian"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/authenticode"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/media/mediatest"
)

func TestIssuers(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want []string
	}{
		"unsigned": {mediatest.Program("x"), nil},
		"one":      {mediatest.Program("x", mediatest.CA2011), []string{mediatest.CA2011}},
		"two":      {mediatest.Program("x", mediatest.CA2011, mediatest.CA2023), []string{mediatest.CA2011, mediatest.CA2023}},
	} {
		got, err := authenticode.Issuers(bytes.NewReader(c.b), int64(len(c.b)))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	if _, err := authenticode.Issuers(bytes.NewReader([]byte("#!/bin/sh")), 9); !errors.Is(err, authenticode.ErrNotPE) {
		t.Error(err)
	}
}

// TestRealSignature reads a program that Microsoft did sign: Debian's shim, from
// its package, which is not installed for it.
func TestRealSignature(t *testing.T) {
	dir, err := debian.Unpack(t.Context(), "shim-signed")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "usr/lib/shim/shimx64.efi.signed"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := authenticode.Issuers(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(got) == 0 {
		t.Fatalf("%q, %v", got, err)
	}
	for _, name := range got {
		if name != "Microsoft Corporation UEFI CA 2011" && name != "Microsoft UEFI CA 2023" {
			t.Errorf("signed under %q", name)
		}
	}
}

func Fuzz(f *testing.F) {
	f.Add(mediatest.Program("x", mediatest.CA2011))
	f.Add(mediatest.Program("x"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = authenticode.Issuers(bytes.NewReader(b), int64(len(b)))
	})
}
