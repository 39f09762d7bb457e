package cloudbase

import (
	"path"
	"strings"
)

// InstallerPatterns are the names that cloudbase-init's MSI may have on the
// answer disc, the better one first, as PowerShell's -like has them.
func InstallerPatterns() []string {
	return []string{"wintemplate/payload/CloudbaseInitSetup*.msi", "wintemplate/payload/*cloudbase*.msi"}
}

// IsInstaller says whether one of those patterns finds a payload of this name.
func IsInstaller(name string) bool {
	name = strings.ToLower(path.Base(name))
	return strings.Contains(name, "cloudbase") && strings.HasSuffix(name, ".msi")
}
