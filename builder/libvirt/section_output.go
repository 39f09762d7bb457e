package libvirt

import (
	"fmt"
	"path/filepath"
	"strings"
)

// OutputConfig says where the finished template goes.
type OutputConfig struct {
	// The folder that receives the disk image and its manifest. Default
	// `output-` and the name of the source block. It must not exist, unless
	// `packer build -force` is given, which replaces the output of an earlier
	// build, and refuses a folder that holds anything else. It must not be or
	// contain the current folder, the home folder or an input of the build. It
	// belongs to the user who builds, who need not be root.
	OutputDir string `mapstructure:"output_directory"`
	// Keep the files when Packer destroys the artifact, which it does when the
	// first post-processor fails, even with `keep_input_artifact`.
	KeepArtifact bool `mapstructure:"keep_artifact"`
}

// Prepare checks the section and sets its defaults.
func (c *OutputConfig) Prepare(buildName string) []error {
	setDefault(&c.OutputDir, "output-"+notInName.ReplaceAllString(buildName, "-"))
	if unknown(c.OutputDir) {
		return nil
	}
	clean := filepath.Clean(c.OutputDir)
	if clean == "." || clean == ".." || clean == string(filepath.Separator) || strings.HasSuffix(clean, string(filepath.Separator)+"..") {
		return []error{fmt.Errorf("output_directory: %q would be deleted with everything in it by -force and by a failed build; name a folder of its own", c.OutputDir)}
	}
	return nil
}
