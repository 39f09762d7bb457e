package discs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// buildMSI makes a Windows Installer database that names a product and
// installs nothing: a real compound file with a real Property table.
func buildMSI(ctx context.Context, work, product, version string) ([]byte, error) {
	path := filepath.Join(work, "product.msi")
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	code := guid(product + version)
	// msibuild does one kind of work a call.
	if _, err := tool(ctx, work, "msibuild", path, "-s", product, "stand-in", ";1033", guid(product+" package "+version)); err != nil {
		return nil, err
	}
	args := []string{
		path, "-q",
		"CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, `Value` LONGCHAR NOT NULL LOCALIZABLE PRIMARY KEY `Property`)",
	}
	for _, p := range [][2]string{
		{"ProductName", product},
		{"ProductVersion", version},
		{"ProductCode", code},
		{"Manufacturer", "stand-in"},
		{"ProductLanguage", "1033"},
	} {
		args = append(args, fmt.Sprintf("INSERT INTO `Property` (`Property`, `Value`) VALUES ('%s', '%s')", p[0], p[1]))
	}
	if _, err := tool(ctx, work, "msibuild", args...); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// guid derives a GUID from a text.
func guid(text string) string {
	d := sha256.Sum256([]byte(text))
	return fmt.Sprintf("{%X-%X-%X-%X-%X}", d[0:4], d[4:6], d[6:8], d[8:10], d[10:16])
}
