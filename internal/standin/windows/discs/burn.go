package discs

import (
	"context"
	"os"
	"path/filepath"
)

// burn writes the files as a disc: UDF with an ISO 9660 bridge and two El
// Torito entries.
func burn(ctx context.Context, out, work, label string, files map[string][]byte, local map[string]string, l *loaders) error {
	tree := filepath.Join(work, "disc")
	if err := writeTree(tree, files); err != nil {
		return err
	}
	for name, from := range local {
		if err := os.Link(from, filepath.Join(tree, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	_, err := tool(ctx, "", "genisoimage", "-quiet", "-o", out, "-V", label,
		"-b", "boot/etfsboot.com", "-no-emul-boot", "-boot-load-size", "8", "-boot-info-table", "-c", "boot.cat",
		"-eltorito-alt-boot", "-e", "efi/microsoft/boot/efisys.bin", "-no-emul-boot", "-boot-load-size", "1",
		"-iso-level", "4", "-J", "-joliet-long", "-D", "-N", "-relaxed-filenames", "-allow-limited-size", "-udf", tree)
	return err
}
