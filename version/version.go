// Package version says which release of the plugin this is.
package version

import "github.com/hashicorp/packer-plugin-sdk/version"

// Version and Prerelease are set by the release's linker flags. Packer accepts
// no prerelease but "dev" for a plugin that is installed from a file.
var (
	Version    = "0.1.0"
	Prerelease = "dev"
)

// Plugin is the version as Packer's plugin protocol wants it.
var Plugin = version.NewPluginVersion(Version, Prerelease, "")
