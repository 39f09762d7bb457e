// Packer-plugin-wintemplate turns a Windows installation ISO into a sealed,
// checked template.
package main

import (
	"fmt"
	"log"
	"os"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/hashicorp/packer-plugin-sdk/plugin"

	"github.com/wintemplate/packer-plugin-wintemplate/builder/libvirt"
	"github.com/wintemplate/packer-plugin-wintemplate/datasource/media"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
	"github.com/wintemplate/packer-plugin-wintemplate/provisioner/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/version"
)

func main() {
	// The plugin's log is raw standard error, and the SDK's own filter is
	// empty in this process (see package redact).
	packersdk.LogSecretFilter.SetOutput(os.Stderr)
	log.SetOutput(redact.Writer(&packersdk.LogSecretFilter))

	set := plugin.NewSet()
	set.RegisterBuilder("libvirt", new(libvirt.Builder))
	set.RegisterProvisioner("guest", new(guest.Provisioner))
	set.RegisterDatasource("media", new(media.Datasource))
	set.SetVersion(version.Plugin)
	if err := set.Run(); err != nil {
		fmt.Fprintln(os.Stderr, redact.Error(err))
		os.Exit(1)
	}
}
