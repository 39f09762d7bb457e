//go:build !linux

package standintest

import (
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/diskcheck"
)

func testBroken(t *testing.T, _ string, _ diskcheck.Expect) {
	t.Skip("NOT TESTED: takes a disk apart with Linux's tools")
}
